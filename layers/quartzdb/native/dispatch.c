/* Which instructions the processor has that this runs on. */
#include "arithmetic.h"
#include "kernel.h"

#if defined(__x86_64__)

#include <cpuid.h>

static uint64_t enabled_by_the_system(void) {
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Intel SDM vol. 2, CPUID; whether the system saves the registers is in XCR0 (vol. 1, 13.3). */
static const struct qz_arithmetic *offered(uint32_t level) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return level == QZ_PLAIN ? &qz_plain : 0;
    const uint32_t basic = 1u << 12 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA, OSXSAVE, AVX, F16C */
    int avx2 = 0, avxvnni = 0, avx512vnni = 0;
    if ((c & basic) == basic) {
        uint64_t saved = enabled_by_the_system();
        uint32_t subleaves = 0;
        if ((saved & 6) == 6 && __get_cpuid_count(7, 0, &subleaves, &b, &c, &d)) {
            const uint32_t wide = 1u << 16 | 1u << 30 | 1u << 31; /* AVX-512 F, BW, VL */
            avx2 = b >> 5 & 1;
            avx512vnni = avx2 && (b & wide) == wide && c >> 11 & 1 && (saved & 0xe6) == 0xe6;
            if (avx2 && subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) avxvnni = a >> 4 & 1;
        }
    }
    switch (level) {
    case QZ_PLAIN: return &qz_plain;
    case QZ_SIMD: return avx2 ? &qz_avx2 : 0;
    case QZ_DOTS: return avxvnni ? &qz_avxvnni : 0;
    case QZ_WIDE: return avx512vnni ? &qz_avx512vnni : 0;
    default: return 0;
    }
}

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
static int has_dotprod(void) { return getauxval(AT_HWCAP) >> 20 & 1; } /* HWCAP_ASIMDDP */
#else
static int has_dotprod(void) { return 0; }
#endif

static const struct qz_arithmetic *offered(uint32_t level) {
    switch (level) {
    case QZ_PLAIN: return &qz_plain;
    case QZ_SIMD: return &qz_neon;
    case QZ_DOTS: return has_dotprod() ? &qz_neon_dotprod : 0;
    default: return 0;
    }
}

#else

static const struct qz_arithmetic *offered(uint32_t level) { return level == QZ_PLAIN ? &qz_plain : 0; }

#endif

uint32_t qz_version(void) { return QZ_VERSION; }

const qz_arithmetic *qz_arithmetic_of(uint32_t level) { return offered(level); }

uint32_t qz_level(void) {
    uint32_t level = QZ_WIDE;
    while (level > QZ_PLAIN && !offered(level)) level--;
    return level;
}

/* Searches of a graph over rows of a byte per coordinate and of lists of product codes, and scores of full-precision rows.
 *
 * A plain shared library: no Python, no memory of its own, no state. Whoever calls brings every buffer, and may call from
 * any number of threads as long as each brings its own scratch. Numbers of a graph that come from a file (rows that links
 * lead to, where links begin) are compared with the graph's size before they are followed; sizes and pointers in the
 * structures below are the caller's to check.
 *
 * quartzdb/storage/index/engines/kernel_library.py describes the same structures to Python.
 */
#ifndef QUARTZDB_KERNEL_H
#define QUARTZDB_KERNEL_H

#include <stdint.h>

/* Raised with every change of a structure or of what a function takes: a library of another version is not used. */
#define QZ_VERSION 3

#if defined(_WIN32)
#define QZ_PUBLIC __declspec(dllexport)
#else
#define QZ_PUBLIC __attribute__((visibility("default")))
#endif

enum { QZ_COSINE = 0, QZ_DOT = 1, QZ_EUCLIDEAN = 2 };

enum {
    QZ_FAR = -1,     /* the query is so far out that bytes cannot tell the rows apart */
    QZ_DAMAGED = -2, /* the file leads to a row or to links that are not there */
    QZ_ABSENT = -3,  /* the caller named a row that is not there */
    QZ_LIMIT = -4,   /* it would take more than the caller allows: visits of a search, or memory of a scan */
};

/* Instruction sets, each a superset of what comes before it on its processor. */
enum { QZ_PLAIN = 0, QZ_SIMD = 1, QZ_DOTS = 2, QZ_WIDE = 3 };

typedef struct qz_arithmetic qz_arithmetic;

/* How a query is placed among the rows: (query - center) / scale, or its direction, turned. See rotation.py. */
typedef struct {
    const float *center; /* dimension */
    const float *signs;  /* padded */
    const float *left;   /* a x a */
    const float *right;  /* b x b */
    double scale;
    double far;          /* lengths beyond this are QZ_FAR; only where distances are compared */
    uint32_t dimension, padded, a, b;
    uint32_t inner;      /* compare by product, else by distance */
} qz_space;

/* The graph, as it lies in its file. See graph_layout.py. */
typedef struct {
    const uint8_t *rows;          /* count x stride: codes, their squared length unless inner, links of the lowest level */
    const uint32_t *upper_rows;   /* upper: which row each of the upper nodes is */
    const uint32_t *upper_starts; /* upper: where in upper_links its links of level 1 begin */
    const uint32_t *upper_links;  /* upper_size: numbers of upper nodes, `upper_width` for each level */
    double step;                  /* what a code of one stands for */
    double error;                 /* no row is further from what its codes stand for; the extra ones may be */
    double longest;               /* what no row's codes stand for a greater length than */
    uint32_t count, width, stride, links;
    uint32_t upper, upper_size, upper_width;
    uint32_t levels;              /* above the lowest */
    uint32_t entry;               /* an upper node, or a row where there is none */
    uint32_t inner;
} qz_graph;

/* Full-precision rows. */
typedef struct {
    const void *matrix; /* count x dimension, float32 or (half) float16; NULL where they are not in memory */
    const float *norms; /* count */
    uint64_t count;
    uint32_t dimension;
    uint32_t half;
    uint32_t metric;
} qz_vectors;

/* Of one search at a time. */
typedef struct {
    uint16_t *seen;   /* graph.count: the last search that saw a row */
    int64_t *going;   /* going_max: rows to go on from */
    int64_t *top;     /* top_max: the best rows so far */
    float *placed;    /* 2 x padded */
    int8_t *codes;    /* width */
    uint32_t going_max, top_max; /* greater than `extras` */
    uint32_t stamp;   /* which search this is: 1 to 65535, then `seen` is cleared */
} qz_scratch;

/* What is asked for, and the answer. */
typedef struct {
    const float *query;     /* dimension */
    const uint8_t *allowed; /* a bit a row, lowest first, or NULL: every row */
    const int64_t *listed;  /* the rows that qz_listed is to look at, or NULL: those that are allowed */
    const int64_t *extra;   /* rows that are scored in any case where they are allowed, found or not */
    int64_t *rows;          /* the answer: depth + extras; of qz_listed top_max */
    float *scores;
    uint64_t listed_count;
    uint32_t extras;
    uint32_t ef, depth;     /* rows kept to go on from; how many of them are scored */
    uint32_t count;         /* how many of the best scored are wanted; 0: the `depth` best by codes, not scored */
    uint32_t visits_max;    /* a search that is not over after so many rows were compared is QZ_LIMIT; 0: none is */
    uint32_t allowed_least; /* and one that after a fourth of them has come to fewer allowed rows */
    uint32_t visits;        /* how many were */
    uint32_t scored;        /* how many were scored */
} qz_ask;

/* Lists of product codes, as they lie in their file. See product_file.py and packed_codes.py. */
typedef struct {
    const uint8_t *file;     /* what `offsets` count from */
    const int64_t *offsets;  /* lists: where each begins, with its blocks of 32 rows, whose row numbers follow */
    const int64_t *starts;   /* lists + 1: how many rows lie before each */
    const float *centroids;  /* lists x width */
    const float *squares;    /* lists: their squared lengths; not where `inner` */
    const float *values;     /* width x 16: of each coordinate, what it is in each of the 16 values of its part */
    int64_t rows;            /* numbers of rows are below this */
    uint32_t lists, width, parts;
    uint32_t arranged;       /* rows are numbered as they lie, and their numbers are not read */
    uint32_t inner;
} qz_lists;

/* Of one search of lists at a time. */
typedef struct {
    float *placed;        /* 2 x padded */
    float *nearness;      /* lists */
    const int64_t *every; /* lists: 0, 1, 2 and so on */
    int64_t *near;        /* lists */
    uint8_t *bins;        /* lists */
    float *sums;          /* parts x 16 */
    uint8_t *tables;      /* parts x 16 */
    int64_t *kept;        /* kept_max: more than ask.depth, and at least ask.depth + ask.extras */
    uint32_t kept_max;
} qz_list_scratch;

/* What is asked of lists, and the answer. */
typedef struct {
    const float *query;     /* width, turned; or dimension where the kernel places it */
    const uint8_t *allowed; /* a bit a row, lowest first, or NULL: every row */
    const int64_t *which;   /* visit: lists that are there, best nearest first */
    const int64_t *extra;   /* rows that are scored in any case */
    int64_t *rows;          /* the answer: depth + extras */
    float *scores;
    double cut;             /* the relative nearness that a list must have */
    uint32_t extras;
    uint32_t visit;         /* lists to visit, or those that were */
    uint32_t depth;         /* rows to find by codes */
    uint32_t count;         /* how many of them are wanted, by score */
    uint32_t found;         /* how many codes found, */
    uint32_t scored;        /* and how many were scored */
} qz_list_ask;

QZ_PUBLIC uint32_t qz_version(void);
/* The best instruction set of this processor. */
QZ_PUBLIC uint32_t qz_level(void);
/* The arithmetic of an instruction set; NULL where this processor lacks it. */
QZ_PUBLIC const qz_arithmetic *qz_arithmetic_of(uint32_t level);

/* The query's codes into scratch->codes and its placed coordinates into the first half of scratch->placed. What one code
 * stands for, or a negative number. */
QZ_PUBLIC double qz_place(const qz_arithmetic *, const qz_space *, const float *query, qz_scratch *, uint32_t width);

/* How many rows were found, or a negative number. Best first, and of equal ones the lower row. Where they are scored, those
 * that score the same as the last that is wanted come, too. */
QZ_PUBLIC int32_t qz_search(
    const qz_arithmetic *, const qz_graph *, const qz_space *, const qz_vectors *, qz_scratch *, qz_ask *);

/* The `count` best of some rows, and what scores the same as the last of them, exactly: codes only tell which rows need no
 * score, being so far behind that no error of codes makes up for it. How many, or a negative number. */
QZ_PUBLIC int32_t qz_listed(
    const qz_arithmetic *, const qz_graph *, const qz_space *, const qz_vectors *, qz_scratch *, qz_ask *);

/* The `depth` best rows of lists by their codes, best first, and their estimates: products, or distances negated. How many
 * those are, or a negative number; QZ_FAR where numbers are beyond float. */
QZ_PUBLIC int32_t qz_lists_search(const qz_arithmetic *, const qz_lists *, qz_list_scratch *, qz_list_ask *);

/* The `count` best by their scores of what the lists nearest to a query have, as qz_search gives them. */
QZ_PUBLIC int32_t qz_lists_best(const qz_arithmetic *, const qz_lists *, const qz_space *, const qz_vectors *,
                                qz_list_scratch *, qz_list_ask *);

/* Exact scores of some rows; 0, or QZ_ABSENT. */
QZ_PUBLIC int32_t qz_scores(
    const qz_arithmetic *, const qz_vectors *, const float *query, const int64_t *rows, uint64_t count, float *scores);

#endif

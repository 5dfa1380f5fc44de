/* Which of some scored rows are the answer. */
#include "selection.h"

#include "comparison.h"
#include "heap.h"

uint32_t with_extra(qz_ask *ask, uint32_t count) {
    for (uint32_t at = 0; at < ask->extras; at++)
        if (is_allowed(ask->allowed, (uint32_t)ask->extra[at])) ask->rows[count++] = ask->extra[at];
    return count;
}

uint32_t select_best(int64_t *top, int64_t *rows, float *scores, uint32_t scored, uint32_t count) {
    uint32_t kept = 0, given = 0;
    for (uint32_t at = 0; at < scored; at++) {
        int64_t key = key_of(ordered(scores[at]), (uint32_t)rows[at]);
        if (kept < count)
            add_worst(top, kept++, key);
        else if (key > top[0])
            replace_worst(top, kept, key);
    }
    if (!kept) return 0;
    const int64_t least = key_of((int32_t)(top[0] >> 32), UINT32_MAX);
    kept = 0;
    for (uint32_t at = 0; at < scored; at++) {
        int64_t key = key_of(ordered(scores[at]), (uint32_t)rows[at]);
        if (key >= least) add_worst(top, kept++, key);
    }
    sort_best_first(top, kept);
    for (uint32_t at = 0; at < kept; at++) {
        /* A row that was found and is one of the extra ones comes twice, with the same key. */
        if (at && top[at] == top[at - 1]) continue;
        rows[given] = row_of(top[at]);
        scores[given++] = unordered((int32_t)(top[at] >> 32));
    }
    return given;
}

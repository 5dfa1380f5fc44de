/* Which of some scored rows are the answer. */
#ifndef QUARTZDB_SELECTION_H
#define QUARTZDB_SELECTION_H

#include "kernel.h"

/* The extra rows that are allowed, behind the first `count` of ask->rows. How many there are then. */
uint32_t with_extra(qz_ask *ask, uint32_t count);

/* Leave the `count` best of some scored rows, best first, and what is as good as the last of them; each row once. `top`
 * has room for all of them. */
uint32_t select_best(int64_t *top, int64_t *rows, float *scores, uint32_t scored, uint32_t count);

#endif

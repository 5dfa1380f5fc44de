/* What a row scores, given its product with the query. */
#ifndef QUARTZDB_SCORES_H
#define QUARTZDB_SCORES_H

#include "arithmetic.h"
#include "kernel.h"

typedef struct {
    const qz_arithmetic *arithmetic;
    const qz_vectors *vectors;
    const float *query;
    float length;   /* of the query, for cosine */
    double squared; /* the same, for euclidean */
} qz_scoring;

qz_scoring qz_scoring_of(const qz_arithmetic *, const qz_vectors *, const float *query);

/* Exact scores of rows that are there. */
void qz_score(const qz_scoring *, const int64_t *rows, size_t count, float *scores);

#endif

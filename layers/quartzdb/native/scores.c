/* Exact scores of full-precision rows; the formulas are those of domain/metric.py. */
#include "scores.h"

#include <float.h>
#include <math.h>

qz_scoring qz_scoring_of(const qz_arithmetic *arithmetic, const qz_vectors *vectors, const float *query) {
    qz_scoring scoring = {arithmetic, vectors, query, 0, 0};
    for (uint32_t i = 0; i < vectors->dimension; i++) scoring.squared += (double)query[i] * query[i];
    scoring.length = (float)sqrt(scoring.squared);
    return scoring;
}

static double distance(const qz_vectors *vectors, const float *query, int64_t row) {
    size_t begin = vectors->dimension * (size_t)row;
    double sum = 0;
    for (size_t i = 0; i < vectors->dimension; i++) {
        float number = vectors->half ? qz_widened(((const uint16_t *)vectors->matrix)[begin + i])
                                     : ((const float *)vectors->matrix)[begin + i];
        double difference = (double)number - query[i];
        sum += difference * difference;
    }
    return sum;
}

void qz_score(const qz_scoring *scoring, const int64_t *rows, size_t count, float *scores) {
    const qz_vectors *vectors = scoring->vectors;
    if (vectors->half)
        scoring->arithmetic->half_products(
            scoring->query, vectors->matrix, vectors->dimension, rows, count, scores);
    else
        scoring->arithmetic->products(scoring->query, vectors->matrix, vectors->dimension, rows, count, scores);
    if (vectors->metric == QZ_COSINE) {
        for (size_t at = 0; at < count; at++) {
            float lengths = vectors->norms[rows[at]] * scoring->length;
            float score = scores[at] / (lengths > FLT_MIN ? lengths : FLT_MIN);
            scores[at] = score > 1 ? 1 : score < -1 ? -1 : score;
        }
    } else if (vectors->metric == QZ_EUCLIDEAN) {
        for (size_t at = 0; at < count; at++) {
            double norm = vectors->norms[rows[at]], together = norm * norm + scoring->squared;
            double squared = together - 2.0 * scores[at];
            /* Of two near vectors this leaves few digits: those are measured directly. */
            if (squared < 1e-3 * together) squared = distance(vectors, scoring->query, rows[at]);
            scores[at] = (float)(0.0 - sqrt(squared > 0 ? squared : 0));
        }
    }
}

int32_t qz_scores(const qz_arithmetic *arithmetic, const qz_vectors *vectors, const float *query, const int64_t *rows,
                  uint64_t count, float *scores) {
    for (uint64_t at = 0; at < count; at++)
        if (rows[at] < 0 || (uint64_t)rows[at] >= vectors->count) return QZ_ABSENT;
    qz_scoring scoring = qz_scoring_of(arithmetic, vectors, query);
    qz_score(&scoring, rows, count, scores);
    return 0;
}

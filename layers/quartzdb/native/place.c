/* A query among the rows of a graph: placed and turned as rotation.py does it, then a byte per coordinate. */
#include "arithmetic.h"
#include "kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>

double qz_place(const qz_arithmetic *arithmetic, const qz_space *space, const float *query, qz_scratch *scratch,
                uint32_t width) {
    float *turned = scratch->placed, *grid = scratch->placed + space->padded;
    double squared = 0, divisor = 1;
    for (uint32_t i = 0; i < space->dimension; i++) {
        double number = space->inner ? query[i] : ((double)query[i] - space->center[i]) / space->scale;
        squared += number * number;
    }
    double length = sqrt(squared);
    if (space->inner)
        divisor = length > FLT_MIN ? length : FLT_MIN;
    else if (!(length <= space->far))
        return QZ_FAR;
    for (uint32_t i = 0; i < space->dimension; i++) {
        double number = space->inner ? query[i] / divisor : ((double)query[i] - space->center[i]) / space->scale;
        turned[i] = (float)number * space->signs[i];
    }
    memset(turned + space->dimension, 0, sizeof(float) * (space->padded - space->dimension));
    memset(grid, 0, sizeof(float) * space->padded);
    for (uint32_t i = 0; i < space->a; i++)
        for (uint32_t k = 0; k < space->b; k++)
            arithmetic->add_scaled(
                grid + (size_t)i * space->b, space->right + (size_t)k * space->b, turned[i * space->b + k], space->b);
    memset(turned, 0, sizeof(float) * space->padded);
    for (uint32_t i = 0; i < space->a; i++)
        for (uint32_t k = 0; k < space->a; k++)
            arithmetic->add_scaled(
                turned + (size_t)i * space->b, grid + (size_t)k * space->b, space->left[i * space->a + k], space->b);
    float most = 0;
    for (uint32_t i = 0; i < space->padded; i++)
        if (fabsf(turned[i]) > most) most = fabsf(turned[i]);
    /* A query of zeros, and one of numbers that are none: every row is as good as any other. */
    float per_code = most > FLT_MIN && most <= FLT_MAX ? 127.0f / most : 0.0f;
    for (uint32_t i = 0; i < width; i++)
        scratch->codes[i] = i < space->padded && per_code > 0 ? (int8_t)lrintf(turned[i] * per_code) : 0;
    return per_code > 0 ? most / 127.0 : 0.0;
}

# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The arithmetic of one tick: what tick.advance_in_numpy says, without numpy's calls."""

from libc.math cimport log
from libc.stdint cimport int64_t

cdef extern from *:
    """
    /* The loops, compiled for what the processor has: the rest of the module runs anywhere. */
    #if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
    #define FOR_THIS_PROCESSOR \
        __attribute__((target_clones("arch=haswell", "default"), optimize("O3", "fast-math")))
    #else
    #define FOR_THIS_PROCESSOR
    #endif

    FOR_THIS_PROCESSOR static void add_rows(
        const float *table, const int64_t *counts, Py_ssize_t places, Py_ssize_t rows, float *sums
    ) {
        /* Places without rows are added too: to guess which those are costs more. */
        for (Py_ssize_t place = 0; place < places; ++place) {
            const float count = (float)counts[place];
            const float *gains = table + place * rows;
            for (Py_ssize_t row = 0; row < rows; ++row) sums[row] += count * gains[row];
        }
    }

    FOR_THIS_PROCESSOR static double begin_or_go_on(
        const float *gained, Py_ssize_t rows, double begin, double *sums, double *onsets
    ) {
        double most = -1e300;
        for (Py_ssize_t row = 0; row < rows; ++row) {
            onsets[row] = sums[row] > 0.0 ? onsets[row] : begin;
            sums[row] = (sums[row] > 0.0 ? sums[row] : 0.0) + (double)gained[row];
            most = sums[row] > most ? sums[row] : most;
        }
        return most;
    }

    FOR_THIS_PROCESSOR static void below_most(
        const double *sums, Py_ssize_t rows, double most, float *below
    ) {
        for (Py_ssize_t row = 0; row < rows; ++row) {
            const float value = (float)(sums[row] - most);
            below[row] = value > -20.0f ? value : -20.0f;
        }
    }

    /* Of values in [-20, 0]. e^x = 2^k e^y with 0 <= y < log 2, by Taylor: exact to 1e-6 of the
       sum, and, unlike expf(), several at once. */
    FOR_THIS_PROCESSOR static float sum_of_exps(const float *values, Py_ssize_t size) {
        float total = 0.0f;
        for (Py_ssize_t i = 0; i < size; ++i) {
            const float twos = values[i] * 1.44269504f;
            const int32_t whole = (int32_t)(twos - 1.0f);
            const float y = (twos - (float)whole) * 0.693147181f;
            const float series = 1.0f + y * (1.0f + y * (1.0f / 2 + y * (1.0f / 6 + y * (
                1.0f / 24 + y * (1.0f / 120 + y * (1.0f / 720 + y * (1.0f / 5040)))))));
            const union { int32_t bits; float value; } power = {(whole + 127) * (1 << 23)};
            total += series * power.value;
        }
        return total;
    }
    """
    void add_rows(
        const float* table, const int64_t* counts, Py_ssize_t places, Py_ssize_t rows, float* sums
    ) noexcept nogil
    double begin_or_go_on(
        const float* gained, Py_ssize_t rows, double begin, double* sums, double* onsets
    ) noexcept nogil
    void below_most(
        const double* sums, Py_ssize_t rows, double most, float* below
    ) noexcept nogil
    float sum_of_exps(const float* values, Py_ssize_t size) noexcept nogil

# Bets of a column.
cdef enum:
    ROWS_MAX = 256


def advance(
    const float[::1] bets,
    const int64_t[::1] begins,
    const int64_t[::1] places,
    const int64_t[::1] rows,
    const int64_t[::1] counts,
    double begin,
    double[::1] sums,
    double[::1] onsets,
    double[::1] log_e,
    int64_t[::1] leaders,
):
    """As tick.advance_in_numpy."""
    cdef Py_ssize_t columns = log_e.shape[0]
    cdef Py_ssize_t column, row, size, first
    cdef double most
    cdef float gained[ROWS_MAX]
    cdef float below[ROWS_MAX]
    if (
        begins.shape[0] != columns + 1
        or places.shape[0] != columns + 1
        or rows.shape[0] != columns + 1
        or leaders.shape[0] != columns
        or begins[columns] != bets.shape[0]
        or places[columns] != counts.shape[0]
        or rows[columns] != sums.shape[0]
        or onsets.shape[0] != sums.shape[0]
    ):
        raise ValueError("the arrays of a tick do not belong together")
    for column in range(columns):
        if rows[column + 1] - rows[column] > ROWS_MAX:
            raise ValueError(f"a column has more than {ROWS_MAX} bets")
    if columns == 0:
        return
    with nogil:
        for column in range(columns):
            first = rows[column]
            size = rows[column + 1] - first
            for row in range(size):
                gained[row] = 0.0
            add_rows(
                &bets[begins[column]],
                &counts[places[column]],
                places[column + 1] - places[column],
                size,
                gained,
            )
            most = begin_or_go_on(gained, size, begin, &sums[first], &onsets[first])
            below_most(&sums[first], size, most, below)
            log_e[column] = most + log(sum_of_exps(below, size) / size)
            for row in range(size):
                if sums[first + row] == most:
                    leaders[column] = row
                    break

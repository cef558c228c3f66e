/* SPDX-License-Identifier: MIT */
/*
 * Compares words by the restricted edit distance of Damerau: the number of letters to insert,
 * delete, replace, or swap with their neighbour.
 */
#include "similar.h"

#include <string.h>

#define LENGTH_MAX 32
#define DISTANCE_MAX 2

static unsigned int least(unsigned int a, unsigned int b) { return a < b ? a : b; }

/* row[i][j] is the distance between the first i letters of a and the first j letters of b. */
static unsigned int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned int row[LENGTH_MAX + 1][LENGTH_MAX + 1];

    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                row[i][j] = i + j;
                continue;
            }
            row[i][j] = least(least(row[i - 1][j], row[i][j - 1]) + 1,
                              row[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[i][j] = least(row[i][j], row[i - 2][j - 2] + 1);
        }
    }
    return row[a_length][b_length];
}

const char *similar_word(const char *word, size_t length, const char *const *words, size_t count)
{
    unsigned int best = DISTANCE_MAX + 1;
    const char *found = NULL;

    for (size_t i = 0; i < count && length <= LENGTH_MAX; i++) {
        size_t other = strlen(words[i]);
        unsigned int far = other <= LENGTH_MAX ? distance(word, length, words[i], other) : best;

        if (far < best && 2 * far < length) {
            best = far;
            found = words[i];
        }
    }
    return found;
}

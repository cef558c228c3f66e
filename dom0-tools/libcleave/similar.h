/* SPDX-License-Identifier: MIT */
/* "Did you mean": the known word that a misspelt one resembles. */
#ifndef LIBCLEAVE_SIMILAR_H
#define LIBCLEAVE_SIMILAR_H

#include <stddef.h>

/*
 * Returns the one of count words that differs least from word (length bytes): by at most two
 * letters that are missing, added, exchanged or swapped with their neighbour, and in less than half
 * of its letters. NULL: none.
 */
const char *similar_word(const char *word, size_t length, const char *const *words, size_t count);

#endif

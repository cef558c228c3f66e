/* SPDX-License-Identifier: MIT */
/*
 * The keys of a VM file.
 */
#ifndef LIBCLEAVE_VMKEYS_H
#define LIBCLEAVE_VMKEYS_H

/* Warns about each unknown key in text, which is in xl.cfg syntax. */
void vmkeys_warn(const char *path, const char *text);

#endif

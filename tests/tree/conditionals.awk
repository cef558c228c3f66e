# SPDX-License-Identifier: MIT
#
# Finds conditional expressions nested in an arm of another one in C files (check.sh). GNU's ?: is allowed. At
# each depth of brackets: whether a ? has been seen since the last comma or semicolon.

FNR == 1 {
    depth = comment = 0
    quote = ""
    split("", conditional)
}

{
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        two = substr($0, i, 2)
        if (comment) {
            if (two == "*/") {
                comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\")
                i++
            else if (c == quote)
                quote = ""
        } else if (two == "/*") {
            comment = 1
            i++
        } else if (c == "\"" || c == "'") {
            quote = c
        } else if (two == "?:") {
            i++
        } else if (c ~ /[([{]/) {
            conditional[++depth] = 0
        } else if (c ~ /[])}]/) {
            conditional[depth] = 0
            if (depth > 0)
                depth--
        } else if (c ~ /[,;]/) {
            conditional[depth] = 0
        } else if (c == "?") {
            for (k = 0; k <= depth; k++)
                if (conditional[k]) {
                    print FILENAME ":" FNR ":" $0
                    break
                }
            conditional[depth] = 1
        }
    }
}

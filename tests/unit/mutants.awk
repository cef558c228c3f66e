# SPDX-License-Identifier: MIT
#
# mutants.awk -v seed=N FILE...: prints all mutants of the files that change one token (or drop one
# statement), in an order that depends on the seed alone. The classes take turns; within a class each mutant
# is equally likely. One per line, tab-separated: file, line number, class, the new line.
#
# It relies on the house style: blanks around operators, one statement per line. It skips what no test can
# observe (log texts, assertions, which hold anyway, PAUSE) and preprocessor lines.

BEGIN {
    # operator: its replacements
    ops["<"] = "<= >"; ops["<="] = "< >="; ops[">"] = ">= <"; ops[">="] = "> <="
    ops["=="] = "!="; ops["!="] = "=="; ops["&&"] = "||"; ops["||"] = "&&"
    ops["+"] = "-"; ops["-"] = "+"; ops["*"] = "/"; ops["/"] = "*"; ops["%"] = "*"
    ops["+="] = "-="; ops["-="] = "+="; ops["|="] = "&="; ops["&="] = "|="
    ops["&"] = "|"; ops["|"] = "&"; ops["^"] = "|"; ops["<<"] = ">>"; ops[">>"] = "<<"
    class["<"] = class["<="] = class[">"] = class[">="] = "compare"
    class["=="] = class["!="] = "equal"
    class["&&"] = class["||"] = "logic"
    class["+"] = class["-"] = class["*"] = class["/"] = class["%"] = "arithmetic"
    class["+="] = class["-="] = "arithmetic"
    class["&"] = class["|"] = class["^"] = class["<<"] = class[">>"] = class["|="] = class["&="] = "bits"
    silent = "(printk|log_(err|warn|info|debug)|log_guest|pci_log|check_failed|panic|console_write|cpu_pause|" \
             "ASSERT|BUG_ON|BUILD_BUG_ON|_Static_assert|static_assert)"
}

FNR == 1 { comment = quiet = macro = 0 }

{
    line = $0
    code = blank(line)
    if (code ~ /^#/ || macro) {
        macro = code ~ /\\$/
        next
    }
    if (match(code, "(^|[^a-z_])" silent "\\(")) {
        if (!quiet)
            mutate(substr(code, 1, RSTART))     # as in: errors += check_failed(...)
        quiet = 1
    }
    if (!quiet)
        mutate(code)
    if (code ~ /[;{}]$/)
        quiet = 0
}

# Returns the line with strings replaced by x and comments by blanks, so that columns stay the same.
function blank(s,    i, c, two, out, quote) {
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        two = substr(s, i, 2)
        if (comment) {
            if (two == "*/") {
                comment = 0
                out = out " "
                i++
            }
            c = " "
        } else if (quote != "") {
            if (c == "\\") {
                out = out "x"
                i++
                c = "x"
            } else if (c == quote)
                quote = ""
            else
                c = "x"
        } else if (two == "/*") {
            comment = 1
            out = out " "
            i++
            c = " "
        } else if (c == "\"" || c == "'")
            quote = c
        out = out c
    }
    sub(/ +$/, "", out)
    return out
}

# Replaces `len` characters from column `at` on with `to`.
function emit(kind, at, len, to) {
    n[kind]++
    mutant[kind, n[kind]] = FILENAME "\t" FNR "\t" kind "\t" substr(line, 1, at - 1) to substr(line, at + len)
}

function mutate(code,    i, j, k, c, word, before, to, depth) {
    for (i = 1; i <= length(code); i += length(word)) {
        c = substr(code, i, 1)
        before = i > 1 ? substr(code, i - 1, 1) : " "
        word = c
        if (match(substr(code, i), /^[A-Za-z_0-9]+/))
            word = substr(code, i, RLENGTH)
        else if (match(substr(code, i), /^[-+*\/%&|^<>=!]+/))
            word = substr(code, i, RLENGTH)
        if (word in ops && before == " " && substr(code, i + length(word), 1) ~ /^ ?$/) {
            k = split(ops[word], to, " ")
            for (j = 1; j <= k; j++)
                emit(class[word], i, length(word), to[j])
        } else if (word ~ /^!+$/)
            emit("not", i, 1, "")
        else if (word == "~")
            emit("bits", i, 1, "")
        else if (word == "++" || word == "--")
            emit("arithmetic", i, 2, word == "++" ? "--" : "++")
        else if (word == "-" && before ~ /[ (]/)
            emit("sign", i, 1, "")
        else if (word == "true" || word == "false")
            emit("constant", i, length(word), word == "true" ? "false" : "true")
        else if (word ~ /^(0x[0-9a-fA-F]+|[0-9]+)[uUlL]*$/ && before != ".") {
            emit("constant", i, length(word), "(" word " + 1)")
            if (word !~ /^0[uUlL]*$/)
                emit("constant", i, length(word), "(" word " - 1)")
        } else if ((word == "if" || word == "while") && substr(code, i + length(word), 2) == " (") {
            depth = 0
            k = i + length(word) + 1
            for (j = k; j <= length(code); j++) {
                depth += (substr(code, j, 1) == "(") - (substr(code, j, 1) == ")")
                if (depth == 0)
                    break
            }
            if (j <= length(code))
                emit("condition", k, j - k + 1, "(!" substr(line, k, j - k + 1) ")")
        }
    }
    i = match(code, /[^ ]/)
    k = length(code) - i + 1
    if (code ~ /^ +[a-z_][a-z_0-9]*\(.*\);$/)
        emit("call", i, k, ";")
    else if (code ~ /^ +(break|continue|return|goto [a-z_]+);$/)
        emit("flow", i, k, ";")
    else if (code ~ /^ +\*?[a-z_][^ ]* ([-+*|&^]|<<|>>)?= .*;$/)
        emit("store", i, k, ";")
}

# The generator of Park and Miller, because the built-in one differs between awks.
function random(below) {
    state = state * 48271 % 2147483647
    return state % below + 1
}

END {
    state = (seed * 69621 + 12345) % 2147483646 + 1
    for (i = 0; i < 8; i++)
        random(2)
    kinds = split("call compare equal logic not condition arithmetic bits constant sign flow store", kind)
    for (left = 1; left;) {
        left = 0
        for (i = 1; i <= kinds; i++) {
            k = kind[i]
            if (!n[k])
                continue
            at = random(n[k])
            print mutant[k, at]
            mutant[k, at] = mutant[k, n[k]--]
            left = 1
        }
    }
}

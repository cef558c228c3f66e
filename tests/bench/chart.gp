# SPDX-License-Identifier: MIT
#
# report.sh sets rows (file of "NAME CLEAVE XEN"), chart (the SVG to write) and version (Xen's).

set terminal svg size 1400,720 noenhanced background 'white' font 'sans,12'
set output chart
set title sprintf("Executed instructions, Cleave and Xen %s (logarithmic; shorter is faster)", version)
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 border -1
set boxwidth 0.9
set logscale y
set yrange [10:*]
set grid ytics
set ylabel 'instructions'
set lmargin 20
set xtics rotate by 40 right nomirror
set key top left
set datafile missing '-'
plot rows using 2:xtic(1) title 'Cleave' linecolor rgb '#2a6f97', \
     '' using 3 title sprintf('Xen %s', version) linecolor rgb '#d98e04'

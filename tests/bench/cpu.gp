# SPDX-License-Identifier: MIT
#
# `make bench-cpu` sets data (what cpu.awk wrote to plot) and chart (the SVG to write).

set terminal svg size 1000,420 noenhanced background 'white' font 'sans,12'
set output chart
set title 'What a guest with a cap of 50 % got beside a spinner, in each 100 ms'
set xlabel 's'
set ylabel '% of the CPU'
set yrange [0:100]
set grid ytics
set key bottom right
plot 50 title 'asked' linecolor rgb '#999999' dashtype 2, \
     data index 0 with linespoints pointsize 0.4 linecolor rgb '#2a6f97' title 'Cleave', \
     data index 1 with linespoints pointsize 0.4 linecolor rgb '#d98e04' title 'Xen, credit2'

# SPDX-License-Identifier: MIT
#
# `make overcommit-memory` sets data (the lines "plot ..." of memory.sh) and chart (the SVG to write).

set terminal svg size 1000,520 noenhanced background 'white' font 'sans,12'
set output chart
set title 'Maxima of twice the memory: what the balancer gave over time'
set xlabel 's'
set ylabel 'MiB'
set yrange [0:*]
set grid ytics
set key outside right
busy = sprintf("< grep ' busy ' %s", data)
idle = sprintf("< grep -v ' busy ' %s", data)
plot data using 2:7 with lines linecolor rgb '#999999' title 'free', \
     idle using 2:5 with points pointtype 7 pointsize 0.2 linecolor rgb '#8ab17d' title 'idle VMs have', \
     busy using 2:4 with steps linecolor rgb '#d98e04' title 'busy VM: target', \
     busy using 2:5 with lines linecolor rgb '#2a6f97' title 'has', \
     busy using 2:6 with lines dashtype 2 linecolor rgb '#b5179e' title 'working set'

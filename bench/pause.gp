# gnuplot -c pause.gp DATA SVG NUMBER_OF_WAYS, see draw_pause() in bench.py
set terminal svg size 800,500 font "sans,13" background "white"
set output ARG2
set logscale xy
set xtics (1, 16, 64, 256, 1000)
set xrange [0.8:1300]
set yrange [1:]
set xlabel "threads of the process: one runs, the others sleep"
set ylabel "us"
set key top left
set grid
set multiplot layout 1,2
set title "the running thread stands still (median)"
plot for [i=0:ARG3-1] ARG1 index i using 1:($2 < 1 ? 1 : $2) with linespoints linewidth 2 title columnheader(1)
set title "a sleeping thread wakes later (p99 of them)"
plot for [i=0:ARG3-1] ARG1 index i using 1:($8 < 1 ? 1 : $8) with linespoints linewidth 2 title columnheader(1)

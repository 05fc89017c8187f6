// Package bench measures vifd against its budgets (DESIGN.md 7) on real kernel events, in network namespaces of its own.
//
// What is measured is the real program, built and run as a process. Where a budget is a ratio, both sides run on the same
// machine in the same run, turn by turn, so that what slows down one slows down the other. A missed budget is printed, and
// fails nothing: it tells of the machine as well as of vifd.
package bench

// Package hook runs the programs that rules name as hooks: the one place where vifd runs a program.
//
// A program gets the arguments and the environment that it is given and nothing else: no shell reads them, the working directory
// is /, standard input is /dev/null, and every other file of vifd's is closed (O_CLOEXEC). What it says on standard output and
// error is kept together, the last of it.
//
// Ordering: none; what must not run at the same time is the caller's to keep apart. Concurrency: any number of programs may run at
// once. Blocking: Run returns when the program has ended, or when its time is over and it was killed, and at most Linger later
// where a descendant holds its output open. Failure: an error is one line that says what became of the program and the last thing
// that it said. A program whose time is over is killed with all of its process group; a descendant that has left the group (setsid)
// lives on, and holds nothing of vifd's. One that runs while vifd itself is killed lives on as well.
package hook

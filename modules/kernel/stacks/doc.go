// Package stacks is ::stacks of a kernel: it groups threads whose stacks, states and
// what they wait on are the same, filters the groups, and prints them in MDB's order and
// format. Which threads there are, how their stacks are found and what states and
// synchronization objects are called is a Kernel's to tell; illumos and Linux each give
// one.
package stacks

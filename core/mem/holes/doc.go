// Package holes tells which parts of a file were ever written. The memory of a machine
// of 64 GB is a sparse file most of which no search need read.
//
// It asks the file system (lseek with SEEK_DATA and SEEK_HOLE) where there is such a
// call, which is on Linux here; elsewhere, and where the file system does not tell, all
// of a file counts as written. Parts that lie close to one another come as one.
package holes

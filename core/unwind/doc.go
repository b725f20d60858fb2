// Package unwind finds the frames of a stack.
package unwind

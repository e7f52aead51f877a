// Package file is what render writes: files as values, made from typed objects.
package file

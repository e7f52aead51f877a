// Package hcl writes Terraform files from typed values: blocks of attributes and
// blocks, with comments. Strings are quoted and escaped by hclwrite, references are
// traversals, nothing is glued.
package hcl

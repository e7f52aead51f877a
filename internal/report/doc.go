// Package report turns results into text: a SimulationReport in, bytes on an
// io.Writer out.
//
//	                        ┌─► table  words for a terminal, worst first
//	SimulationReport ─► sift┤
//	                        ├─► html   one self-contained page
//	                 └──────┴─► json, yaml  the report itself, complete
//
// Table and html show a selection. What they share is sifted once: which
// failures rank as the worst (ranking.go), what to call them (failures.go),
// which reasons are one cause told several times (causes.go). json and yaml
// show everything, under their own field names, and are stable.
//
// The package is pure: the same report and options give the same bytes. It
// reads no file, clock, network or environment, and nothing leaves it in the
// order of a map. Whatever a report says is taken as hostile text: control
// characters do not reach a terminal, and html is escaped by html/template.
package report

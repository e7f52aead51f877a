package file

// Step is one thing a person does with the files, in order: the README of the
// output is made of them.
type Step struct {
	// Title is a few words in the imperative, without a full stop.
	Title string
	// Text says what happens and why, in plain sentences; Markdown.
	Text string
	// Commands are lines of a shell, run in the output folder; a line may hold
	// several lines of text (a loop). None: the text says all.
	Commands []string
}

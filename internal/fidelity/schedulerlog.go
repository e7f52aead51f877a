package fidelity

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LogFlags make kube-scheduler log every event that it handles and every attempt,
// in the order in which they take effect: each line is written within some
// microseconds of the change that it tells of.
func LogFlags() []string { return []string{"--v=4"} }

// line of kube-scheduler's log.
type line struct {
	at      time.Time
	number  int
	message string
	text    string // after the message
}

// header of a line that klog writes: severity, month, day, time, thread, place.
var header = regexp.MustCompile(`^[IWE](\d{4} \d\d:\d\d:\d\d\.\d{6}) +\d+ [^ ]+\] `)

// readLog reads kube-scheduler's log; year is that of its times, in UTC. Lines
// that are no message, such as the later ones of a long value, are left out.
func readLog(in io.Reader, year int) ([]line, error) {
	var all []line
	lines := bufio.NewReaderSize(in, 1<<20)
	for number := 1; ; number++ {
		text, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all, nil // a line without an end is still being written
		}
		if err != nil {
			return nil, fmt.Errorf("reading the scheduler's log: %w", err)
		}
		m := header.FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		quoted, err := strconv.QuotedPrefix(text[m[1]:])
		if err != nil {
			continue // not structured: none of those that matter
		}
		message, err := strconv.Unquote(quoted)
		if err != nil {
			continue
		}
		at, err := time.Parse("20060102 15:04:05.000000", strconv.Itoa(year)+text[m[2]:m[3]])
		if err != nil {
			return nil, fmt.Errorf("reading the scheduler's log: line %d: %w", number, err)
		}
		all = append(all, line{at: at, number: number, message: message, text: text[m[1]+len(quoted):]})
	}
}

// told are the messages that a replay needs, as klog writes them.
var told = func() [][]byte {
	var all [][]byte
	for _, message := range []string{
		lineAttempt, lineBinding, lineNoFit, lineNoNodes, lineFailed, lineRequeued, lineTarget, linePreempted, lineGone,
		lineAddNode, lineUpdateNode, lineDeleteNode, lineAddPod, lineUpdatePod, lineDeletePod, lineAddBound, lineUpdBound, lineDelBound,
	} {
		all = append(all, strconv.AppendQuote([]byte("] "), message))
	}
	return all
}()

// trimLog keeps the lines that a replay needs.
func trimLog(log []byte) []byte {
	var out []byte
	for text := range bytes.Lines(log) {
		if slices.ContainsFunc(told, func(m []byte) bool { return bytes.Contains(text, m) }) {
			out = append(out, text...)
		}
	}
	return out
}

// value returns what the line says of a key; "" when it says nothing.
func (l line) value(key string) string {
	_, rest, ok := strings.Cut(l.text, " "+key+"=")
	if !ok {
		return ""
	}
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if v, err := strconv.Unquote(quoted); err == nil {
			return v
		}
	}
	v, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return v
}

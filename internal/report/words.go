package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bulkhead.dev/bulkhead/api/v1alpha1"
	"golang.org/x/text/width"
)

// duration says seconds as people do, in at most two units: 50s, 5m 58s,
// 1h 12m, 2d 3h. Less than ten seconds keeps a tenth (2.2s). What is left of a
// minute is rounded up, so that a time is never told shorter than it is.
func duration(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return "unknown"
	}
	if seconds < 0 {
		return "−" + duration(-seconds)
	}
	if seconds < 10 {
		return strconv.FormatFloat(max(math.Ceil(seconds*10-1e-6), 0)/10, 'f', -1, 64) + "s"
	}
	s := int64(math.Ceil(seconds - 1e-6))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return twoUnits(s/60, "m", s%60, "s")
	case s < 48*3600:
		m := (s + 59) / 60
		return twoUnits(m/60, "h", m%60, "m")
	default:
		h := (s + 3599) / 3600
		return twoUnits(h/24, "d", h%24, "h")
	}
}

func twoUnits(big int64, bigUnit string, small int64, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s", big, bigUnit)
	}
	return fmt.Sprintf("%d%s %d%s", big, bigUnit, small, smallUnit)
}

// number groups thousands: 1,523.
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// count says a number with its noun; the plural is the noun and an s unless
// another is given.
func count(n int, noun string, plural ...string) string {
	if n != 1 {
		if len(plural) > 0 {
			noun = plural[0]
		} else {
			noun += "s"
		}
	}
	return number(n) + " " + noun
}

// small says a number up to twelve as a word.
func small(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return number(n)
}

// percent says a share from 0 to 1; a share that is not 0 is never told as 0.
func percent(share float64) string {
	p := share * 100
	switch {
	case p > 0 && p < 1:
		return "under 1 %"
	case p > 99 && p < 100:
		return "over 99 %"
	}
	return strconv.FormatFloat(math.Round(p), 'f', -1, 64) + " %"
}

// decimal says a number with at most one digit after the point.
func decimal(f float64) string {
	if f >= 1000 {
		return number(int(math.Round(f)))
	}
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

// room says an amount of resources: 9.5 cpu, 31Gi.
func room(r v1alpha1.Room) string {
	return decimal(r.CPU) + " cpu, " + memory(r.Memory.Value())
}

// memory says bytes in the largest binary unit of which there is at least one.
func memory(bytes int64) string {
	units := []string{"", "Ki", "Mi", "Gi", "Ti", "Pi"}
	v, u := float64(bytes), 0
	for math.Abs(v) >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + units[u]
}

// join lists things in a sentence: a · a and b · a, b and c.
func join(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// fold lists at most keep things and counts the others: a, b, +7 more.
func fold(items []string, keep int) string {
	if len(items) <= keep || len(items) == keep+1 && keep > 1 {
		return strings.Join(items, ", ")
	}
	return strings.Join(items[:keep], ", ") + fmt.Sprintf(", +%s more", number(len(items)-keep))
}

// capital starts a sentence.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// plain makes text from outside fit for a terminal's line: control characters,
// line ends and what changes the direction of writing become visible or
// spaces.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '�'
		}
		return r
	}, s)
}

// columns counts the terminal columns that s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens s to n columns; the last is then an ellipsis.
func cut(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		c := runeColumns(r)
		if used+c > n-1 {
			return s[:i] + "…"
		}
		used += c
	}
	return s
}

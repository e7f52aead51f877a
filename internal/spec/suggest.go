package spec

import (
	"fmt"
	"strings"
)

// Nearest returns the candidate that was probably meant, or "": the one with the
// fewest letters to change, insert, drop or swap, if those are at most a third of the
// word, and if no other is as near. Capitals and the signs - and _ do not count.
func Nearest(word string, candidates []string) string {
	const longest = 40 // bytes; a longer word is no misspelling
	if len(word) > longest {
		return ""
	}
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
	}
	best, fewest := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		switch d := distance(plain(word), plain(c)); {
		case d < fewest:
			best, fewest = c, d
		case d == fewest:
			best = "" // zone-d is as near to zone-a as to zone-b
		}
	}
	return best
}

// didYouMean is the hint for a word that is none of the candidates.
func didYouMean(word string, candidates []string) string {
	if s := Nearest(word, candidates); s != "" {
		return fmt.Sprintf("did you mean %s?", s)
	}
	return ""
}

// distance is the least number of bytes to change, insert, drop or swap with the
// next to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j-1]+cost, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// listed joins words for a sentence: "a, b or c".
func listed(words []string, last string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

package report

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0s", 0.04: "0.1s", 2.2: "2.2s", 9.96: "10s", 50: "50s", 59.2: "1m", 60: "1m", 358: "5m 58s", 3600: "1h",
		4320: "1h 12m", 4321: "1h 13m", 7199.5: "2h", 48 * 3600: "2d", 51 * 3600: "2d 3h", -50: "−50s",
		math.Inf(1): "unknown",
	} {
		if got := duration(seconds); got != want {
			t.Errorf("duration(%v) = %q, want %q", seconds, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1523: "1,523", 1234567: "1,234,567", -4321: "−4,321"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
	for bytes, want := range map[int64]string{0: "0", 1023: "1023", 512 << 20: "512Mi", 48 << 30: "48Gi", 3 << 29: "1.5Gi"} {
		if got := memory(bytes); got != want {
			t.Errorf("memory(%d) = %q, want %q", bytes, got, want)
		}
	}
	for share, want := range map[float64]string{0: "0 %", 0.004: "under 1 %", 0.334: "33 %", 0.996: "over 99 %", 1: "100 %"} {
		if got := percent(share); got != want {
			t.Errorf("percent(%v) = %q, want %q", share, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	items := strings.Split("a b c d e", " ")
	for keep, want := range map[int]string{5: "a, b, c, d, e", 4: "a, b, c, d, e", 3: "a, b, c, +2 more", 1: "a, +4 more"} {
		if got := fold(items, keep); got != want {
			t.Errorf("fold(%d) = %q, want %q", keep, got, want)
		}
	}
	for w, want := range map[int]string{40: "api 5m 58s, web 6m", 17: "api 5m 58s +1", 13: "api 5m 58s +1", 12: "+2 more"} {
		if got := fit([]string{"api 5m 58s", "web 6m"}, w); got != want {
			t.Errorf("fit in %d = %q, want %q", w, got, want)
		}
	}
}

// Nothing may be wider than asked, whatever the letters.
func FuzzWidths(f *testing.F) {
	f.Add("argocd-redis-ha-server 5m 58s", 12)
	f.Add("データデータ 1 of 3", 7)
	f.Add("e\u0301\u0301 \x1b[31m\u202e", 3)
	f.Fuzz(func(t *testing.T, s string, w int) {
		if w = 2 + (w&0x7fffffff)%120; len(s) > 4096 {
			return
		}
		s = plain(s)
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x202e }) {
			t.Errorf("control characters in %q", s)
		}
		for _, got := range append([]string{cut(s, w), cutMiddle(s, w)}, wrap(s, w)...) {
			if columns(got) > w {
				t.Errorf("%q has %d columns, not %d", got, columns(got), w)
			}
		}
		if w >= 12 {
			for _, got := range slices.Concat(stack([]string{s, s, "c"}, w, 4), stack([]string{"c", s}, w, 3)) {
				if columns(got) > w {
					t.Errorf("%q has %d columns in a cell of %d", got, columns(got), w)
				}
			}
		}
		if got, want := strings.Join(wrap(s, w), ""), strings.Join(strings.Fields(s), ""); strings.ReplaceAll(got, " ", "") != want {
			t.Errorf("wrap loses text: %q, want %q", got, want)
		}
	})
}

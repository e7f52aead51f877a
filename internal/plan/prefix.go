package plan

import (
	"fmt"
	"math/big"
	"math/bits"
	"net/netip"
	"slices"
)

// split returns the first n of the equal, aligned parts of the prefix whose
// number is the next power of two of count, and how long their prefixes are. An
// error when the parts would be longer than maxBits.
func split(p netip.Prefix, n, count, maxBits int) ([]netip.Prefix, error) {
	length := p.Bits() + log2(count)
	if length > maxBits {
		return nil, fmt.Errorf("%s has no room for %d subnets: each would be a /%d, and /%d is the smallest", p, count, length, maxBits)
	}
	out := make([]netip.Prefix, n)
	for i := range out {
		out[i] = part(p, length, i)
	}
	return out, nil
}

// part is the i-th prefix of the length in p.
func part(p netip.Prefix, length, i int) netip.Prefix {
	raw := p.Masked().Addr().AsSlice()
	n := new(big.Int).SetBytes(raw)
	step := new(big.Int).Lsh(big.NewInt(int64(i)), uint(len(raw)*8-length))
	n.Add(n, step).FillBytes(raw)
	addr, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(addr, length)
}

// log2 is the logarithm of n to base 2, rounded up; 0 for n below 2.
func log2(n int) int {
	if n < 2 {
		return 0
	}
	return bits.Len(uint(n - 1))
}

// spare returns the fewest prefixes that cover what of p no used one covers, in
// ascending order. Used prefixes may overlap and may reach out of p.
func spare(p netip.Prefix, used []netip.Prefix) []netip.Prefix {
	inside := slices.DeleteFunc(slices.Clone(used), func(u netip.Prefix) bool { return !u.Overlaps(p) })
	if len(inside) == 0 {
		return []netip.Prefix{p.Masked()}
	}
	for _, u := range inside {
		if u.Bits() <= p.Bits() {
			return nil
		}
	}
	return append(spare(part(p, p.Bits()+1, 0), inside), spare(part(p, p.Bits()+1, 1), inside)...)
}

// within reports whether all of inner lies in outer.
func within(inner, outer netip.Prefix) bool {
	return inner.Bits() >= outer.Bits() && outer.Contains(inner.Addr())
}

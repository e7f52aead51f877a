package snapshot

import "k8s.io/apimachinery/pkg/runtime/schema"

// piece is a document, or an item cut from one that is a list.
type piece struct {
	document
	// kind that the list gives to items without one.
	kind schema.GroupVersionKind
	// from is the place of the document among all.
	from int
	// cut says that the piece is an item.
	cut bool

	objects []object
	faults  []Fault
	// broken says that the text could not be parsed.
	broken bool
}

// parse fills in objects and faults.
func (p *piece) parse() {
	found, faults := parse(p.document)
	p.faults, p.broken = faults, len(faults) > 0
	for _, d := range found {
		objects, faults := expand(d, p.kind, 0)
		p.objects = append(p.objects, objects...)
		p.faults = append(p.faults, faults...)
	}
}

// mend reads lists as a whole whose items do not make sense alone, as when one
// uses an anchor of another. A list that does not make sense as a whole either
// stays cut: then there is a fault for each of its items.
func mend(pieces []piece, docs []document) []piece {
	broken := map[int]bool{}
	for _, p := range pieces {
		if p.cut && p.broken {
			broken[p.from] = true
		}
	}
	if len(broken) == 0 {
		return pieces
	}
	var mended []piece
	replaced := map[int]bool{}
	for _, p := range pieces {
		if broken[p.from] && !replaced[p.from] {
			whole := piece{document: docs[p.from], from: p.from}
			whole.parse()
			broken[p.from] = false // tried
			if !whole.broken {
				replaced[p.from] = true
				mended = append(mended, whole)
			}
		}
		if !replaced[p.from] {
			mended = append(mended, p)
		}
	}
	return mended
}

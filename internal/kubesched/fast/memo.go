package fast

// memo remembers an answer for each group of nodes, or each node, during
// one cycle.
type memo[T any] struct {
	answers []T
	known   []uint32
	round   uint32
}

func (m *memo[T]) reset(groups int) {
	m.round++
	if len(m.known) < groups {
		m.answers, m.known = make([]T, 2*groups), make([]uint32, 2*groups)
	}
}

func (m *memo[T]) get(group int32) (answer T, known bool) {
	return m.answers[group], m.known[group] == m.round
}

func (m *memo[T]) set(group int32, answer T) {
	m.answers[group], m.known[group] = answer, m.round
}

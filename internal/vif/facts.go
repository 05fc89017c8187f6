package vif

// A Source knows some facts of one vif. Values returns nil for what it does not know; it is asked at most once for a key.
type Source interface {
	Values(key string) []string
}

// Facts is what is known of one vif, by the key names of the rule language (DESIGN.md 3: interface, domid, mac, env.NAME …).
// Sources are asked in order and lazily, so that what no rule asks for is never read. Not safe for concurrent use.
type Facts struct {
	sources []Source
	known   map[string][]string
}

// NewFacts asks sources in the order given; the first that knows a key answers for it.
func NewFacts(sources ...Source) *Facts {
	return &Facts{sources: sources, known: make(map[string][]string, 8)}
}

// Values returns all values of a fact (a guest may have several addresses), or nil where nobody knows it.
func (f *Facts) Values(key string) []string {
	if values, ok := f.known[key]; ok {
		return values
	}
	var values []string
	for _, s := range f.sources {
		if values = s.Values(key); len(values) > 0 {
			break
		}
	}
	f.known[key] = values
	return values
}

// Value returns the first value of a fact; false means that nobody knows it.
func (f *Facts) Value(key string) (string, bool) {
	values := f.Values(key)
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

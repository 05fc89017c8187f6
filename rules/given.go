package rules

import (
	"errors"
	"strings"
)

// ParseFact reads the value of a fact as a person gives it. Several addresses may stand in one, with blanks between them, as xenstore has
// them. The error says why no vif can have that value, and what one can; IsFact(name) holds.
func ParseFact(name, value string) ([]string, error) {
	f, _ := lookupFact(name)
	values := []string{value}
	if f.kind == kindIP {
		values = strings.Fields(value)
		if len(values) == 0 {
			return nil, errors.New("an address is missing: write it as in 192.0.2.7 or 2001:db8::7")
		}
	}
	for _, v := range values {
		verr := f.check(v)
		switch {
		case verr == nil:
		case verr.hint == "":
			return nil, errors.New(verr.msg)
		default:
			return nil, errors.New(verr.msg + ": " + verr.hint)
		}
	}
	return values, nil
}

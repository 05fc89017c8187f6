// Package actiontest asks in the tests of each facet the same of what its Plan, Apply and Undo say: which steps, and which errors.
package actiontest

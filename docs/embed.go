// Package docs holds the parts of the manual that vifd itself prints.
package docs

import _ "embed"

// Checks is docs/checks.md: a section for each code of `vifd check`, under the heading `### VIFnnn: title`.
//
//go:embed checks.md
var Checks string

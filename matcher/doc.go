// Package matcher decides what becomes of a vif: it holds facts against rules, and the first rule that matches wins.
//
// A Matcher is immutable and safe for concurrent use; reloading rules makes a new one. It does no I/O of its own: facts are
// asked of their sources, lazily, in the order in which rules ask for them. Match says which rule wins, Explain why each
// rule before it did not, Decide carries the winner's action out on paper: every ${fact} substituted, the guest's identity
// put together from the rule, the inventory and the facts.
//
// Match goes by an index, Explain from rule to rule. Both give the same answer and read the same facts in the same order: a fact that
// only rules behind the winner ask for is not read, nor one that only rules ask for whose terms before it do not hold, since a
// source may be slow. That is what the index is built around. It looks a rule's terms up in the order written, and never a later
// one first because that would leave fewer rules. Terms that no lookup finds (a glob with a wildcard at both ends) are tried one by
// one, and so is what follows many terms that hold at once; the linear scan would try them too. Once its facts are read, a match
// allocates nothing, unless more than 32 lists of terms are under way in it at once.
package matcher

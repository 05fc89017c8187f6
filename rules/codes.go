package rules

import (
	"fmt"
	"strings"
)

// The codes of problems. A code never changes its meaning, and one that is given up is not given out again.
const (
	codeUnreadable  = "VIF001"
	codeEncoding    = "VIF002"
	codeControl     = "VIF003"
	codeTooLarge    = "VIF004"
	codeSyntax      = "VIF005"
	codeTab         = "VIF006"
	codeSecondDoc   = "VIF007"
	codeAnchor      = "VIF008"
	codeTag         = "VIF009"
	codeTooDeep     = "VIF010"
	codeDupKey      = "VIF011"
	codeKeyNotText  = "VIF012"
	codeNumber      = "VIF013"
	codeBoolean     = "VIF014"
	codeNotRead     = "VIF015"
	codeBadIgnore   = "VIF016"
	codeNotIgnored  = "VIF017"
	codeUnknownKey  = "VIF101"
	codeType        = "VIF102"
	codeMissingKey  = "VIF103"
	codeEmpty       = "VIF104"
	codeLater       = "VIF105"
	codeOneAction   = "VIF106"
	codeNoAction    = "VIF107"
	codeNoEffect    = "VIF108"
	codeConflict    = "VIF109"
	codeNameTwice   = "VIF201"
	codeNoTemplate  = "VIF202"
	codeCycle       = "VIF203"
	codeNoParam     = "VIF204"
	codeParamType   = "VIF205"
	codeNoArgument  = "VIF206"
	codeMissingArg  = "VIF207"
	codeLibrary     = "VIF208"
	codeNoFact      = "VIF209"
	codeGuestTwice  = "VIF210"
	codeUplinkTwice = "VIF211"
	codeUnusedParam = "VIF212"
	codeNoRule      = "VIF213"
	codeNoNetwork   = "VIF214"
	codeForwarded   = "VIF215"
	codeSubnetTwice = "VIF216"
	codeNetworkKind = "VIF217"
	codeName        = "VIF301"
	codeInterface   = "VIF302"
	codePattern     = "VIF303"
	codeRange       = "VIF304"
	codeMAC         = "VIF305"
	codeIP          = "VIF306"
	codeText        = "VIF307"
	codeOutOfRange  = "VIF308"
	codeChoice      = "VIF309"
	codeStatement   = "VIF310"
	codeUnreachable = "VIF311"
	codeArgument    = "VIF312"
	codeManyValues  = "VIF313"
	codeSetClash    = "VIF314"
	codeHandOn      = "VIF315"
	codeSharedLimit = "VIF316"
	codeRate        = "VIF317"
	codeDuration    = "VIF318"
	codeProgram     = "VIF319"

	// Those of problems that are found when the rules are compiled, or shown to the kernel.
	CodeNotCompiled = "VIF401"
	CodeUnseen      = "VIF402"
	CodeRefused     = "VIF403"
	CodeLacking     = "VIF404"

	// Those of rules that can be loaded, and hardly do what is meant (rules/lint), and of this host.
	CodeNeverReached   = "VIF501"
	CodeSameMatch      = "VIF502"
	CodeNeverHolds     = "VIF503"
	CodeNotOfName      = "VIF504"
	CodeCovered        = "VIF505"
	CodeUnusedTemplate = "VIF506"
	CodeUnusedNetwork  = "VIF507"
	CodeUnusedGuest    = "VIF508"
	CodeNoSuchGuest    = "VIF509"
	CodeTemplateTwice  = "VIF510"
	CodeBeforeGuard    = "VIF511"
	CodeAnyProtocol    = "VIF512"
	CodeOnlyDrops      = "VIF513"
	CodeLogUnlimited   = "VIF514"
	CodeOpen           = "VIF515"
	CodeUnguarded      = "VIF516"
	CodeWholeTrunk     = "VIF517"
	CodeBelowFrame     = "VIF518"
	CodeDerivedTwice   = "VIF519"
	CodeSaidTwice      = "VIF520"
	CodeExceptsNothing = "VIF521"
	CodeTestNeverTrue  = "VIF522"
	CodeLostRefusal    = "VIF523"
	CodeMisspelled     = "VIF524"
	CodeNoBridge       = "VIF601"
	CodeNoUplink       = "VIF602"
	CodeWritable       = "VIF603"
	CodeNoProgram      = "VIF604"
	CodeProgramOpen    = "VIF605"
	CodeNoFeature      = "VIF606"
)

// Code is one entry of the table of codes.
type Code struct {
	ID       string // VIFnnn
	Title    string // one line
	Severity Severity
}

// codeTable is grouped: 0 the file and its YAML, 1 the shape, 2 what refers to something else, 3 values, 4 the compiled firewall,
// 5 what all of it together comes to, 6 the host.
var codeTable = [...]Code{
	{ID: codeUnreadable, Title: "a file or folder cannot be read"},
	{ID: codeEncoding, Title: "a file is not UTF-8"},
	{ID: codeControl, Title: "a control character"},
	{ID: codeTooLarge, Title: "a file is too large"},
	{ID: codeSyntax, Title: "not YAML"},
	{ID: codeTab, Title: "a tab in the indentation"},
	{ID: codeSecondDoc, Title: "a second YAML document in one file"},
	{ID: codeAnchor, Title: "a YAML anchor, alias or merge key"},
	{ID: codeTag, Title: "a YAML tag"},
	{ID: codeTooDeep, Title: "values nested too deeply"},
	{ID: codeDupKey, Title: "a key given twice"},
	{ID: codeKeyNotText, Title: "a key that is not text"},
	{ID: codeNumber, Title: "a number that YAML readers read differently"},
	{ID: codeBoolean, Title: "a word that YAML readers take for true or false"},
	{ID: codeNotRead, Title: "a file in a rules folder that is not read", Severity: Warning},
	{ID: codeBadIgnore, Title: "a vifd:ignore that says nothing", Severity: Warning},
	{ID: codeNotIgnored, Title: "a vifd:ignore for which there is nothing to ignore", Severity: Warning},
	{ID: codeUnknownKey, Title: "an unknown key"},
	{ID: codeType, Title: "a value of the wrong type"},
	{ID: codeMissingKey, Title: "a key is missing"},
	{ID: codeEmpty, Title: "a value is missing"},
	{ID: codeLater, Title: "a part of the rule language that this version does not support yet"},
	{ID: codeOneAction, Title: "a rule with more than one action"},
	{ID: codeNoAction, Title: "a rule without action"},
	{ID: codeNoEffect, Title: "a key that has no effect", Severity: Warning},
	{ID: codeConflict, Title: "keys that contradict each other"},
	{ID: codeNameTwice, Title: "a name defined twice"},
	{ID: codeNoTemplate, Title: "an unknown template"},
	{ID: codeCycle, Title: "templates that include each other in a circle"},
	{ID: codeNoParam, Title: "an unknown template parameter"},
	{ID: codeParamType, Title: "a parameter of the wrong type for its place"},
	{ID: codeNoArgument, Title: "an argument that the template does not take"},
	{ID: codeMissingArg, Title: "an argument is missing"},
	{ID: codeLibrary, Title: "a template of the library redefined"},
	{ID: codeNoFact, Title: "an unknown fact"},
	{ID: codeGuestTwice, Title: "two guests that cannot be told apart"},
	{ID: codeUplinkTwice, Title: "one uplink for two networks"},
	{ID: codeUnusedParam, Title: "a template parameter that no statement uses", Severity: Warning},
	{ID: codeNoRule, Title: "an unknown rule"},
	{ID: codeNoNetwork, Title: "an unknown network"},
	{ID: codeForwarded, Title: "a port forwarded twice"},
	{ID: codeSubnetTwice, Title: "subnets that overlap"},
	{ID: codeNetworkKind, Title: "a network of another kind than the action"},
	{ID: codeName, Title: "a bad name"},
	{ID: codeInterface, Title: "a bad interface name"},
	{ID: codePattern, Title: "a bad pattern"},
	{ID: codeRange, Title: "a bad number or range"},
	{ID: codeMAC, Title: "a bad MAC address"},
	{ID: codeIP, Title: "a bad IP address"},
	{ID: codeText, Title: "a bad substitution"},
	{ID: codeOutOfRange, Title: "a number out of range"},
	{ID: codeChoice, Title: "a value that is not one of those allowed"},
	{ID: codeStatement, Title: "a bad firewall statement"},
	{ID: codeUnreachable, Title: "a statement that is never reached", Severity: Warning},
	{ID: codeArgument, Title: "an argument of the wrong type"},
	{ID: codeManyValues, Title: "several values where one is taken"},
	{ID: codeSetClash, Title: "a set with two kinds of keys or states"},
	{ID: codeHandOn, Title: "a parameter that every template has, handed on"},
	{ID: codeSharedLimit, Title: "a limit that all guests share", Severity: Warning},
	{ID: codeRate, Title: "a bad rate or size"},
	{ID: codeDuration, Title: "a bad duration"},
	{ID: codeProgram, Title: "a bad program for a hook"},
	{ID: CodeNotCompiled, Title: "templates that cannot be compiled"},
	{ID: CodeUnseen, Title: "a statement that never holds, because nobody can see what it asks about", Severity: Warning},
	{ID: CodeRefused, Title: "a statement that the kernel refuses"},
	{ID: CodeLacking, Title: "a statement for which the kernel lacks a part"},
	{ID: CodeNeverReached, Title: "a rule that is never reached", Severity: Warning},
	{ID: CodeSameMatch, Title: "two rules with the same match", Severity: Warning},
	{ID: CodeNeverHolds, Title: "a match that no vif can fulfil", Severity: Warning},
	{ID: CodeNotOfName, Title: "a fact that no interface of that name has", Severity: Warning},
	{ID: CodeCovered, Title: "a pattern that others beside it cover", Severity: Warning},
	{ID: CodeUnusedTemplate, Title: "a template that no rule uses", Severity: Warning},
	{ID: CodeUnusedNetwork, Title: "a network that no rule names", Severity: Warning},
	{ID: CodeUnusedGuest, Title: "a guest that no rule can match", Severity: Warning},
	{ID: CodeNoSuchGuest, Title: "a domain that looks like a guest's, misspelled", Severity: Warning},
	{ID: CodeTemplateTwice, Title: "a template listed twice", Severity: Warning},
	{ID: CodeBeforeGuard, Title: "an accept before the identity checks", Severity: Warning},
	{ID: CodeAnyProtocol, Title: "ports of whatever protocol", Severity: Warning},
	{ID: CodeOnlyDrops, Title: "a reject that only drops", Severity: Warning},
	{ID: CodeLogUnlimited, Title: "a log without a limit of its own", Severity: Warning},
	{ID: CodeOpen, Title: "a rule that connects without a firewall", Severity: Warning},
	{ID: CodeUnguarded, Title: "a firewall that lets a guest be anybody", Severity: Warning},
	{ID: CodeWholeTrunk, Title: "a trunk of every VLAN", Severity: Warning},
	{ID: CodeBelowFrame, Title: "a rate below one frame in its interval", Severity: Warning},
	{ID: CodeDerivedTwice, Title: "one address derived for two guests", Severity: Warning},
	{ID: CodeSaidTwice, Title: "a statement about what is decided already", Severity: Warning},
	{ID: CodeExceptsNothing, Title: "an exception that excepts nothing", Severity: Warning},
	{ID: CodeTestNeverTrue, Title: "a test that can never pass", Severity: Warning},
	{ID: CodeLostRefusal, Title: "a reject whose answer the guest does not get", Severity: Warning},
	{ID: CodeMisspelled, Title: "a kind, type, subsystem or action that there is none of", Severity: Warning},
	{ID: CodeNoBridge, Title: "a bridge that does not exist here", Severity: Warning},
	{ID: CodeNoUplink, Title: "an uplink that does not exist here", Severity: Warning},
	{ID: CodeWritable, Title: "rules that others can write", Severity: Warning},
	{ID: CodeNoProgram, Title: "a hook that cannot be run here", Severity: Warning},
	{ID: CodeProgramOpen, Title: "a hook that others can write", Severity: Warning},
	{ID: CodeNoFeature, Title: "something that this host's kernel lacks", Severity: Warning},
}

// Codes returns the table of all codes a Problem can carry, in the order of the codes.
func Codes() []Code {
	return append([]Code(nil), codeTable[:]...)
}

// Phase is a step of a check. What one step breaks the later ones are not run on.
type Phase int

// The phases, in their order. Up to Semantics is what Load does itself.
const (
	Syntax Phase = iota
	Schema
	References
	Semantics
	CrossFile
	Env
	Kernel
)

// String returns the phase's name, as the documentation has it.
func (p Phase) String() string {
	return [...]string{"syntax", "schema", "references", "semantics", "cross-file", "env", "kernel"}[p]
}

// Phase is the step that finds problems of the code.
func (c Code) Phase() Phase {
	switch group := c.ID[len("VIF")]; {
	case group <= '3':
		return Phase(group - '0')
	case c.ID == CodeRefused || c.ID == CodeLacking:
		return Kernel
	case group == '6':
		return Env
	default:
		return CrossFile
	}
}

// LookupCode returns the code that id is; the error suggests another.
func LookupCode(id string) (Code, error) {
	ids := make([]string, len(codeTable))
	for i, c := range codeTable {
		if c.ID == id {
			return c, nil
		}
		ids[i] = strings.ToLower(c.ID)
	}
	if near, ok := Nearest(id, ids); ok {
		return Code{}, fmt.Errorf("unknown code %s: did you mean %s?", short(id), strings.ToUpper(near))
	}
	return Code{}, fmt.Errorf("unknown code %s", short(id))
}

package rules

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

	// Those of problems that are found when the rules are compiled, or shown to the kernel.
	CodeNotCompiled = "VIF401"
	CodeUnseen      = "VIF402"
	CodeRefused     = "VIF403"
	CodeLacking     = "VIF404"
)

// Code is one entry of the table of codes.
type Code struct {
	ID    string // VIFnnn
	Title string // one line
}

// codeTable is grouped: 0 the file and its YAML, 1 the shape, 2 what refers to something else, 3 values, 4 the compiled firewall.
var codeTable = [...]Code{
	{codeUnreadable, "a file or folder cannot be read"},
	{codeEncoding, "a file is not UTF-8"},
	{codeControl, "a control character"},
	{codeTooLarge, "a file is too large"},
	{codeSyntax, "not YAML"},
	{codeTab, "a tab in the indentation"},
	{codeSecondDoc, "a second YAML document in one file"},
	{codeAnchor, "a YAML anchor, alias or merge key"},
	{codeTag, "a YAML tag"},
	{codeTooDeep, "values nested too deeply"},
	{codeDupKey, "a key given twice"},
	{codeKeyNotText, "a key that is not text"},
	{codeNumber, "a number that YAML readers read differently"},
	{codeBoolean, "a word that YAML readers take for true or false"},
	{codeNotRead, "a file in a rules folder that is not read"},
	{codeUnknownKey, "an unknown key"},
	{codeType, "a value of the wrong type"},
	{codeMissingKey, "a key is missing"},
	{codeEmpty, "a value is missing"},
	{codeLater, "a part of the rule language that this version does not support yet"},
	{codeOneAction, "a rule with more than one action"},
	{codeNoAction, "a rule without action"},
	{codeNoEffect, "a key that has no effect"},
	{codeConflict, "keys that contradict each other"},
	{codeNameTwice, "a name defined twice"},
	{codeNoTemplate, "an unknown template"},
	{codeCycle, "templates that include each other in a circle"},
	{codeNoParam, "an unknown template parameter"},
	{codeParamType, "a parameter of the wrong type for its place"},
	{codeNoArgument, "an argument that the template does not take"},
	{codeMissingArg, "an argument is missing"},
	{codeLibrary, "a template of the library redefined"},
	{codeNoFact, "an unknown fact"},
	{codeGuestTwice, "two guests that cannot be told apart"},
	{codeUplinkTwice, "one uplink for two networks"},
	{codeUnusedParam, "a template parameter that no statement uses"},
	{codeNoRule, "an unknown rule"},
	{codeNoNetwork, "an unknown network"},
	{codeForwarded, "a port forwarded twice"},
	{codeSubnetTwice, "subnets that overlap"},
	{codeNetworkKind, "a network of another kind than the action"},
	{codeName, "a bad name"},
	{codeInterface, "a bad interface name"},
	{codePattern, "a bad pattern"},
	{codeRange, "a bad number or range"},
	{codeMAC, "a bad MAC address"},
	{codeIP, "a bad IP address"},
	{codeText, "a bad substitution"},
	{codeOutOfRange, "a number out of range"},
	{codeChoice, "a value that is not one of those allowed"},
	{codeStatement, "a bad firewall statement"},
	{codeUnreachable, "a statement that is never reached"},
	{codeArgument, "an argument of the wrong type"},
	{codeManyValues, "several values where one is taken"},
	{codeSetClash, "a set with two kinds of keys or states"},
	{codeHandOn, "a parameter that every template has, handed on"},
	{codeSharedLimit, "a limit that all guests share"},
	{codeRate, "a bad rate or size"},
	{codeDuration, "a bad duration"},
	{CodeNotCompiled, "templates that cannot be compiled"},
	{CodeUnseen, "a statement that never holds, because nobody can see what it asks about"},
	{CodeRefused, "a statement that the kernel refuses"},
	{CodeLacking, "a statement for which the kernel lacks a part"},
}

// Codes returns the table of all codes a Problem can carry, in the order of the codes.
func Codes() []Code {
	return append([]Code(nil), codeTable[:]...)
}

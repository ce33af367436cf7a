package views

import "strings"

// meanings are words that people use for states, by the colour that says the same.
var meanings = map[string]string{
	"green": "accepted active approved complete completed delivered done enabled healthy ok online passed resolved succeeded success successful up verified",
	"teal":  "available confirmed paid ready",
	"blue":  "created in_progress in_transit info new packed processing running sending started",
	"amber": "delayed high hold in_review late on_hold open paused pending queued review todo unpaid waiting warn warning",
	"red":   "blocked broken canceled cancelled critical dead declined denied down error expired failed failure fatal invalid lost overdue refunded rejected urgent",
	"grey":  "archived closed deleted disabled draft ignored inactive low none off offline shipped skipped unknown",
}

// neutral are the colours that promise nothing, in the order in which they are dealt out.
var neutral = []string{"blue", "purple", "teal", "olive", "pink", "navy", "brown"}

// Deal gives the labels of an enum their colours: words that are known for a state the one that says so, the others those that
// are left, in the order of the labels. What is beyond them is grey.
func Deal(labels []string) map[string]string {
	dealt, taken := make(map[string]string, len(labels)), map[string]bool{}
	for _, l := range labels {
		if color := meaning(l); color != "" {
			dealt[l], taken[color] = color, true
		}
	}
	next := 0
	for _, l := range labels {
		if dealt[l] != "" {
			continue
		}
		for next < len(neutral) && taken[neutral[next]] {
			next++
		}
		if dealt[l] = "grey"; next < len(neutral) {
			dealt[l] = neutral[next]
			next++
		}
	}
	return dealt
}

func meaning(label string) string {
	word := strings.NewReplacer("-", "_", " ", "_").Replace(lowerASCII(label))
	for color, words := range meanings {
		if word != "" && strings.Contains(" "+words+" ", " "+word+" ") {
			return color
		}
	}
	return ""
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

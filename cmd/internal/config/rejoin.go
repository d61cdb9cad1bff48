package config

import (
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// rejoin puts together what the lexer takes apart. A colon with no blank after it is part of a plain word (YAML 1.2 section 7.3.3),
// but in a list inside braces the lexer ends the word there: of {listen: [127.0.0.1:1790]} it makes a key and a value.
func rejoin(tokens token.Tokens) token.Tokens {
	var out token.Tokens
	var brackets []token.Type
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets = append(brackets, t.Type)
		case token.SequenceEndType, token.MappingEndType:
			brackets = brackets[:max(0, len(brackets)-1)]
		}
		n := 1
		if len(brackets) > 0 && brackets[len(brackets)-1] == token.SequenceStartType {
			n = wordLength(tokens[i:])
		}
		if n > 1 {
			t = joined(tokens[i : i+n])
		}
		out.Add(t)
		i += n - 1
	}
	return out
}

// wordLength counts the tokens at the beginning that are one plain word: pieces that touch, and colons that touch the next piece.
func wordLength(tokens token.Tokens) int {
	n := 0
	for n < len(tokens) && (n == 0 || touch(tokens[n-1], tokens[n])) {
		switch {
		case isPlain(tokens[n]):
			n++
		case tokens[n].Type == token.MappingValueType && n+1 < len(tokens) && isPlain(tokens[n+1]) && touch(tokens[n], tokens[n+1]):
			n += 2
		default:
			return max(n, 1)
		}
	}
	return max(n, 1)
}

func isPlain(t *token.Token) bool {
	switch t.Type {
	case token.StringType, token.IntegerType, token.FloatType, token.BinaryIntegerType, token.OctetIntegerType, token.HexIntegerType,
		token.BoolType, token.NullType, token.InfinityType, token.NanType:
		return true
	}
	return false
}

// touch tells that nothing stands between two tokens.
func touch(a, b *token.Token) bool {
	return a.Position.Line == b.Position.Line && a.Position.Column+utf8.RuneCountInString(a.Value) == b.Position.Column
}

func joined(tokens token.Tokens) *token.Token {
	value, origin := "", ""
	for _, t := range tokens {
		value += t.Value
		origin += t.Origin
	}
	return token.String(value, origin, tokens[0].Position)
}

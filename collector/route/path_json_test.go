package route

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestPathFromJSON(t *testing.T) {
	for _, c := range []struct {
		text string
		want Path
	}{
		{"[]", nil},
		{" [ ] ", nil},
		{"[64496,64500]", SequencePath(64496, 64500)},
		{" [ 64496 ,\n\t4294967295 ]\r\n", SequencePath(64496, 4294967295)},
		{"[0]", SequencePath(0)},
		{"[64496,[64501,64500]]", Path{{Kind: Sequence, ASNs: []ASN{64496}}, {Kind: Set, ASNs: []ASN{64501, 64500}}}},
		{"[[1],2,[],[3]]", Path{{Kind: Set, ASNs: []ASN{1}}, {Kind: Sequence, ASNs: []ASN{2}}, {Kind: Set}, {Kind: Set, ASNs: []ASN{3}}}},
	} {
		var got Path
		if err := got.UnmarshalJSON([]byte(c.text)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %#v and %v, want %#v", c.text, got, err, c.want)
		}
		var field struct{ Path *Path }
		if err := json.Unmarshal([]byte(`{"Path":`+c.text+`}`), &field); err != nil || !reflect.DeepEqual(*field.Path, c.want) {
			t.Errorf("%q as a field: %v", c.text, err)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var second Path
		if err := json.Unmarshal(again, &second); err != nil || !reflect.DeepEqual(second, got) {
			t.Errorf("%q came back as %#v, %v", again, second, err)
		}
	}
}

// TestPathOfConfederationFromJSON: what was inside a confederation comes back as if it was not.
func TestPathOfConfederationFromJSON(t *testing.T) {
	p, err := ParsePath("(65001 65002) 64496 [65003] 64500")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got Path
	if err := json.Unmarshal(b, &got); err != nil || got.String() != "65001 65002 64496 {65003} 64500" {
		t.Errorf("%s came back as %q, %v", b, got, err)
	}
}

func TestPathNull(t *testing.T) {
	p := SequencePath(1)
	if err := json.Unmarshal([]byte("null"), &p); err != nil || p.String() != "1" {
		t.Errorf("null made %q of it, %v", p, err)
	}
	field := struct{ Path *Path }{&p}
	if err := json.Unmarshal([]byte(`{"Path":null}`), &field); err != nil || field.Path != nil {
		t.Errorf("null is %v, %v", field.Path, err)
	}
}

func TestNoPathFromJSON(t *testing.T) {
	for _, bad := range []string{
		"", "x", "1", `"1"`, "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1]2", "[[1]", "[[[1]]]", "[-1]", "[1.5]", "[1e3]", `["1"]`, "[null]", "[4294967296]",
		"[99999999999999999999999]",
	} {
		p := SequencePath(7)
		if err := p.UnmarshalJSON([]byte(bad)); err == nil || p.String() != "7" {
			t.Errorf("%q is taken as %q, error %v", bad, p, err)
		}
	}
}

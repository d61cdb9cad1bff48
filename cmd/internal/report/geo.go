package report

import (
	"math"
	"strings"
)

// spot is a place on earth, in degrees north and east.
type spot struct{ lat, lon float64 }

// earthRadius is the mean radius of the earth in kilometres.
const earthRadius = 6371.0

// kilometres is the great-circle distance of two places: no path is shorter, and every cable is longer.
func kilometres(a, b spot) float64 {
	const degree = math.Pi / 180
	north, east := (b.lat-a.lat)*degree, (b.lon-a.lon)*degree
	h := math.Pow(math.Sin(north/2), 2) + math.Cos(a.lat*degree)*math.Cos(b.lat*degree)*math.Pow(math.Sin(east/2), 2)
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// station is where a route collector stands.
type station struct {
	city string
	spot
}

// collectorOf tells where a vantage stands, by its name: the peers of a RIPE RIS collector at an exchange are at that exchange, or close to it. The
// multi-hop collectors (rrc00, rrc24, rrc25) have peers from all over the world, and are not listed. The places are those of
// https://ris.ripe.net/docs/route-collectors/, collectors that ended included: recorded input has them.
func collectorOf(vantage string) (station, bool) {
	name, ok := strings.CutPrefix(vantage, "rislive:")
	if !ok {
		return station{}, false
	}
	name, _, _ = strings.Cut(name, "/")
	name, _, _ = strings.Cut(name, ".")
	c, ok := map[string]station{
		"rrc01": {"London", spot{51.51, -0.13}},
		"rrc02": {"Paris", spot{48.86, 2.35}},
		"rrc03": {"Amsterdam", spot{52.37, 4.90}},
		"rrc04": {"Geneva", spot{46.20, 6.14}},
		"rrc05": {"Vienna", spot{48.21, 16.37}},
		"rrc06": {"Tokyo", spot{35.69, 139.77}},
		"rrc07": {"Stockholm", spot{59.33, 18.07}},
		"rrc08": {"San Jose", spot{37.34, -121.89}},
		"rrc09": {"Zurich", spot{47.37, 8.54}},
		"rrc10": {"Milan", spot{45.46, 9.19}},
		"rrc11": {"New York", spot{40.71, -74.01}},
		"rrc12": {"Frankfurt", spot{50.11, 8.68}},
		"rrc13": {"Moscow", spot{55.76, 37.62}},
		"rrc14": {"Palo Alto", spot{37.44, -122.14}},
		"rrc15": {"São Paulo", spot{-23.55, -46.63}},
		"rrc16": {"Miami", spot{25.76, -80.19}},
		"rrc18": {"Barcelona", spot{41.39, 2.17}},
		"rrc19": {"Johannesburg", spot{-26.20, 28.05}},
		"rrc20": {"Zurich", spot{47.37, 8.54}},
		"rrc21": {"Paris", spot{48.86, 2.35}},
		"rrc22": {"Bucharest", spot{44.43, 26.10}},
		"rrc23": {"Singapore", spot{1.35, 103.82}},
		"rrc26": {"Dubai", spot{25.20, 55.27}},
	}[name]
	return c, ok
}

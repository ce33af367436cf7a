package shop

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// product is what the shop sells. Weight is how often it is bought.
type product struct {
	sku, name, category string
	cents               int64
	reorder, weight     int
}

// attributes is what the shop's website says of a product, as JSON.
func (p product) attributes(r *rand.Rand) string {
	return fmt.Sprintf(`{"weight_g": %d, "category": %q, "tags": [%q, %q], "refillable": %t}`,
		5*(1+r.IntN(120)), p.category, []string{"classic", "new"}[r.IntN(2)], []string{"gift", "office", "studio"}[r.IntN(3)], p.category == "Ink" || p.category == "Pens")
}

// catalog is what there is to buy; nobody changes it.
var catalog = sync.OnceValue(func() []product {
	return []product{
		{"INK-50-PB", "Ink 50 ml, Prussian blue", "Ink", 1450, 24, 8},
		{"INK-50-IG", "Ink 50 ml, iron gall black", "Ink", 1550, 24, 6},
		{"INK-50-MO", "Ink 50 ml, moss", "Ink", 1450, 18, 3},
		{"INK-50-BU", "Ink 50 ml, burgundy", "Ink", 1450, 18, 4},
		{"INK-CT-06", "Ink cartridges, 6, blue", "Ink", 390, 80, 9},
		{"NBK-A5-DT", "Notebook A5 dotted, linen", "Paper", 1890, 40, 10},
		{"NBK-A5-LN", "Notebook A5 lined, linen", "Paper", 1890, 40, 8},
		{"NBK-A6-PL", "Pocket notebook A6, set of 3", "Paper", 1200, 48, 9},
		{"NBK-A4-SK", "Sketchbook A4, 160 g", "Paper", 2450, 24, 5},
		{"PAD-A4-GR", "Writing pad A4, grid", "Paper", 890, 50, 6},
		{"PAD-A5-AM", "Airmail pad A5", "Paper", 750, 30, 2},
		{"ENV-C6-50", "Envelopes C6, pack of 50", "Paper", 940, 50, 6},
		{"ENV-DL-25", "Envelopes DL, tissue lined, 25", "Paper", 1350, 30, 3},
		{"CRD-LP-08", "Letterpress cards, set of 8", "Cards", 2200, 30, 7},
		{"CRD-TY-10", "Thank-you cards, set of 10", "Cards", 1800, 36, 6},
		{"CRD-BD-01", "Birthday card, gold edge", "Cards", 450, 90, 8},
		{"CAL-DK-01", "Desk calendar", "Calendars", 1600, 60, 7},
		{"CAL-WL-01", "Wall planner, one year", "Calendars", 1450, 40, 4},
		{"DRY-A5-WK", "Weekly diary A5", "Calendars", 2290, 40, 5},
		{"PEN-FM-BR", "Fountain pen M, brass", "Pens", 6400, 12, 4},
		{"PEN-FF-BK", "Fountain pen F, black", "Pens", 4200, 16, 5},
		{"PEN-RB-05", "Rollerball 0.5, steel", "Pens", 2800, 24, 5},
		{"PEN-BP-WD", "Ballpoint, walnut", "Pens", 3200, 18, 4},
		{"PEN-GL-05", "Glass dip pen", "Pens", 2600, 12, 2},
		{"PEN-FL-12", "Fineliners, set of 12", "Pens", 1690, 30, 6},
		{"PEN-BR-05", "Brush pens, set of 5", "Pens", 1950, 24, 4},
		{"PCL-HB-12", "Pencils HB, box of 12", "Pencils", 1280, 36, 8},
		{"PCL-CO-24", "Colour pencils, tin of 24", "Pencils", 3950, 18, 4},
		{"PCL-MC-07", "Mechanical pencil 0.7", "Pencils", 1450, 30, 5},
		{"PCL-SH-BR", "Brass sharpener", "Pencils", 680, 40, 6},
		{"ERS-WH-02", "Erasers, pack of 2", "Pencils", 320, 80, 7},
		{"TAP-15-WH", "Paper tape 15 mm, white", "Desk", 420, 48, 7},
		{"TAP-15-ST", "Paper tape, set of 5", "Desk", 1380, 30, 5},
		{"RUL-30-ST", "Steel rule 30 cm", "Desk", 1150, 40, 4},
		{"SCI-18-BK", "Scissors 18 cm, black", "Desk", 2400, 16, 3},
		{"CLP-BR-20", "Brass paper clips, 20", "Desk", 540, 50, 5},
		{"STP-MN-GY", "Stapler, small, grey", "Desk", 1790, 20, 3},
		{"TRY-OK-A4", "Letter tray A4, oak", "Desk", 4900, 10, 2},
		{"WRP-RL-05", "Wrapping paper, 5 sheets", "Wrapping", 1100, 40, 6},
		{"RIB-CT-10", "Cotton ribbon 10 m", "Wrapping", 650, 40, 4},
		{"WAX-SL-RD", "Sealing wax, red, 3 sticks", "Wrapping", 1250, 20, 3},
		{"STA-AL-SE", "Alphabet stamps, serif", "Wrapping", 2900, 12, 2},
	}
})

// place is a city with its country and how many customers live there.
type place struct {
	city, country string
	weight        int
}

func places() []place {
	return []place{
		{"Berlin", "DE", 9}, {"Hamburg", "DE", 6}, {"Leipzig", "DE", 4}, {"Freiburg", "DE", 3}, {"Munich", "DE", 5},
		{"Vienna", "AT", 5}, {"Graz", "AT", 2}, {"Zurich", "CH", 4}, {"Basel", "CH", 2}, {"Amsterdam", "NL", 5},
		{"Utrecht", "NL", 2}, {"Paris", "FR", 6}, {"Lyon", "FR", 3}, {"Copenhagen", "DK", 3}, {"Stockholm", "SE", 3},
		{"Lisbon", "PT", 3}, {"Porto", "PT", 2}, {"Turin", "IT", 2}, {"Milan", "IT", 3}, {"Warsaw", "PL", 3},
		{"Kraków", "PL", 2}, {"Prague", "CZ", 2}, {"Dublin", "IE", 2}, {"Helsinki", "FI", 2},
	}
}

func firstNames() []string {
	return []string{
		"Ines", "Jonas", "Aiko", "Marta", "Thomas", "Clara", "Léa", "Dimitri", "Priya", "Samuel", "Hanna", "Oliver",
		"Sofia", "Mateo", "Noor", "Elif", "Ruth", "Pavel", "Ingrid", "Théo", "Amara", "Kenji", "Greta", "Niamh",
		"Carlos", "Yara", "Viktor", "Emma", "Lukas", "Mei", "Anouk", "Rafael",
	}
}

func lastNames() []string {
	return []string{
		"Baptista", "Lindqvist", "Tanabe", "Kowalczyk", "Okafor", "Neumann", "Fournier", "Volkov", "Raman", "Adeyemi",
		"Virtanen", "Grant", "Marchetti", "Herrera", "van Dijk", "Demir", "Abramson", "Novák", "Solberg", "Lambert",
		"Diallo", "Mori", "Schulz", "Byrne", "Pinto", "Haddad", "Szabó", "Claes", "Brandt", "Chen", "Jansen", "Duarte",
	}
}

// rhythm is how busy each hour of the day is, from midnight.
func rhythm() [24]float64 {
	return [24]float64{3, 2, 1, 1, 1, 2, 5, 9, 15, 19, 22, 24, 27, 24, 22, 21, 22, 25, 28, 31, 29, 22, 13, 7}
}

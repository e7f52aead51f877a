package observability

import (
	"bytes"
	"encoding/json"
	"fmt"

	"bulkhead.dev/bulkhead/internal/render/file"
)

// schemaVersion of a dashboard's JSON is Grafana 10.3's
// (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model);
// later ones migrate it when they load it.
const schemaVersion = 39

// gridWidth is how many columns a dashboard has.
const gridWidth = 24

// dashboard and its parts are Grafana's JSON model, as far as it is used here.
type dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	SchemaVersion int        `json:"schemaVersion"`
	Version       int        `json:"version"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"`
	Refresh       string     `json:"refresh"`
	Time          timeRange  `json:"time"`
	Timezone      string     `json:"timezone"`
	Templating    templating `json:"templating"`
	Panels        []panel    `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Type  string `json:"type"`
	Query string `json:"query"`
}

type panel struct {
	ID          int         `json:"id"`
	Type        string      `json:"type"`
	Title       string      `json:"title"`
	Description string      `json:"description"`
	Datasource  datasource  `json:"datasource"`
	GridPos     gridPos     `json:"gridPos"`
	Targets     []target    `json:"targets"`
	FieldConfig fieldConfig `json:"fieldConfig"`
	Options     options     `json:"options"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type gridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	RefID        string     `json:"refId"`
	Datasource   datasource `json:"datasource"`
	Expr         string     `json:"expr"`
	LegendFormat string     `json:"legendFormat"`
	Instant      bool       `json:"instant"`
	Range        bool       `json:"range"`
}

type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []struct{}    `json:"overrides"`
}

type fieldDefaults struct {
	Unit       string         `json:"unit"`
	Min        *float64       `json:"min,omitempty"`
	Thresholds thresholdSteps `json:"thresholds"`
}

type thresholdSteps struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

// step is a colour from a value on; the first has none.
type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

type options struct {
	ReduceOptions *reduceOptions `json:"reduceOptions,omitempty"`
	ColorMode     string         `json:"colorMode,omitempty"`
	TextMode      string         `json:"textMode,omitempty"`
	Legend        *legend        `json:"legend,omitempty"`
}

type reduceOptions struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

type legend struct {
	DisplayMode string `json:"displayMode"`
	Placement   string `json:"placement"`
	ShowLegend  bool   `json:"showLegend"`
}

// view is a panel before it has a place.
type view struct {
	title, description string
	// stat shows the last value large, otherwise values are drawn over time.
	stat    bool
	unit    string // of Grafana: short, percentunit, s, ops
	queries []query
	// bad is the value from which on it is red; red below it when low.
	bad *float64
	low bool
	// wide takes the whole row, otherwise a third.
	wide bool
}

type query struct{ expr, legend string }

// promDatasource is the datasource that the dashboard's variable chooses.
func promDatasource() datasource { return datasource{Type: "prometheus", UID: "${datasource}"} }

// newDashboard lays views out in rows from left to right.
func newDashboard(s scope, id, title, description string, views []view) dashboard {
	d := dashboard{
		UID: "bulkhead-" + id, Title: s.cluster + ": " + title, Description: description,
		Tags: []string{"bulkhead", s.cluster}, SchemaVersion: schemaVersion, Version: 1, Editable: true,
		GraphTooltip: 1, Refresh: "30s", Time: timeRange{From: "now-3h", To: "now"}, Timezone: "browser",
		Templating: templating{List: []variable{{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus"}}},
	}
	x, y, row := 0, 0, 0
	for i, v := range views {
		width, height := gridWidth/3, 8
		if v.wide {
			width = gridWidth
		}
		if v.stat {
			height = 5
		}
		if x+width > gridWidth {
			x, y, row = 0, y+row, 0
		}
		d.Panels = append(d.Panels, v.panel(i+1, gridPos{H: height, W: width, X: x, Y: y}))
		x, row = x+width, max(row, height)
	}
	return d
}

func (v view) panel(id int, at gridPos) panel {
	p := panel{
		ID: id, Type: "timeseries", Title: v.title, Description: v.description, Datasource: promDatasource(), GridPos: at,
		FieldConfig: fieldConfig{Defaults: fieldDefaults{Unit: v.unit, Thresholds: v.thresholds()}, Overrides: []struct{}{}},
		Options:     options{Legend: &legend{DisplayMode: "list", Placement: "bottom", ShowLegend: true}},
	}
	if v.stat {
		p.Type = "stat"
		p.Options = options{ReduceOptions: &reduceOptions{Calcs: []string{"lastNotNull"}}, ColorMode: "value", TextMode: "value_and_name"}
	} else {
		zero := 0.0
		p.FieldConfig.Defaults.Min = &zero
	}
	for i, q := range v.queries {
		p.Targets = append(p.Targets, target{
			RefID: string(rune('A' + i)), Datasource: promDatasource(), Expr: q.expr, LegendFormat: q.legend, Instant: v.stat, Range: !v.stat,
		})
	}
	return p
}

func (v view) thresholds() thresholdSteps {
	switch {
	case v.bad == nil:
		return thresholdSteps{Mode: "absolute", Steps: []step{{Color: "blue"}}}
	case v.low:
		return thresholdSteps{Mode: "absolute", Steps: []step{{Color: "red"}, {Color: "green", Value: v.bad}}}
	default:
		return thresholdSteps{Mode: "absolute", Steps: []step{{Color: "green"}, {Color: "red", Value: v.bad}}}
	}
}

// dashboardFile is the JSON that Grafana imports.
func dashboardFile(name string, d dashboard) (file.File, error) {
	path := "observability/grafana/" + name + ".json"
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // expressions are for people to read
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return file.File{}, fmt.Errorf("rendering %s: %w", path, err)
	}
	return file.File{Path: path, Data: b.Bytes()}, nil
}

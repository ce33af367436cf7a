package e2e_test

import (
	goruntime "runtime"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"

	// The program is built by the tests. Were its parts not imported, go test
	// would take an old result for a changed program.
	_ "github.com/rowcast/rowcast/dashboard"
	_ "github.com/rowcast/rowcast/internal/shop"
	_ "github.com/rowcast/rowcast/listener"
	_ "github.com/rowcast/rowcast/live"
	_ "github.com/rowcast/rowcast/migrations"
	_ "github.com/rowcast/rowcast/status"
	_ "github.com/rowcast/rowcast/web"
)

// In a browser: the real program, as a process, seen as people see it. All
// tests share one browser and have a tab each. A page that throws, that writes
// an error to the console or that breaks its own content policy fails its test.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := launch(t)
	all := newCrew(t, goruntime.GOMAXPROCS(0)) // their times count
	defer all.wait()
	for name, test := range map[string]func(*testing.T, *browser){
		"dashboard changes in place":      testDashboardInPlace,
		"table changes in place":          testTableInPlace,
		"reader is left alone":            testReaderIsLeftAlone,
		"paused":                          testPaused,
		"the server's status":             testServerStatus,
		"many rows":                       testManyRows,
		"table longer than the window":    testLongTable,
		"table on paper":                  testTableOnPaper,
		"table holds still":               testTableHolds,
		"table holds in its page":         testTableHoldsInPage,
		"pointed row stays":               testPointedRowStays,
		"table is sorted":                 testTableSorts,
		"table is sorted on a telephone":  testTableSortsOnPhone,
		"table is filtered":               testTableFilters,
		"table is searched and paged":     testTableSearchAndPages,
		"columns of a table":              testTableColumns,
		"things come in another order":    testOtherOrders,
		"table is saved":                  testTableSaves,
		"wide table is sized":             testWideTableSized,
		"heads are carried":               testHeadsAreCarried,
		"heads are carried far":           testHeadsAreCarriedFar,
		"dashboard from a table":          testTableStarter,
		"row opens":                       testRowOpens,
		"row by keys":                     testRowKeys,
		"row elsewhere":                   testRowElsewhere,
		"row is exact":                    testRowIsExact,
		"charts are left alone":           testChartsAreLeftAlone,
		"zoom and legend of a chart":      testChartZoomAndLegend,
		"charts under fingers":            testChartTouch,
		"a chart's window slides":         testChartWindow,
		"a chart follows a range":         testChartFollowsRange,
		"charts do not grow":              testChartsDoNotGrow,
		"server restarts":                 testServerRestarts,
		"dashboard changes meanwhile":     testServerReturnsWithAnotherDashboard,
		"database stops":                  testDatabaseStops,
		"hostile values":                  testHostileValues,
		"hostile people":                  testHostilePeople,
		"values of all types":             testExactValues,
		"without the browser's code":      testWithoutScript,
		"dashboard is edited":             testDashboardIsEdited,
		"pages that are not there":        testNoSuchPage,
		"one panel fails beside others":   testPanelFails,
		"table is dropped while watched":  testTableIsDropped,
		"table without a bell":            testTableWithoutBell,
		"nothing keeps people out":        testAccessible,
		"variables":                       testVariables,
		"variables and a slow panel":      testSlowPanel,
		"variables that are typed":        testTypedVariables,
		"variables of many options":       testManyOptions,
		"back while typing":               testBackWhileTyping,
		"a page comes back":               testPageComesBack,
		"a choice that fails":             testFigureOfAFailedChoice,
		"variables that depend on others": testDependentVariables,
		"time ranges":                     testTimeRanges,
		"behind Live":                     testBehindLive,
		"listeners":                       testListeners,
		"a query's error":                 testQueryError,
		"not for this role":               testNotForThisRole,
		"deploy":                          testDeploy,
		"deploy of another protocol":      testNewerProtocolOnly,
		"deploy of a protocol that grew":  testNewerProtocolAdds,
		"a week":                          testWeek,
		"wall":                            testWall,
		"share links":                     testShareLinks,
		"sign-in":                         testSignIn,
		"frames":                          testFrames,
		"look":                            testLook,
		"wall of several screens":         testWallOfSeveralScreens,
		"wall without holes":              testFullWall,
		"crowded donut":                   testCrowdedDonut,
		"chart that comes back":           testChartComesBack,
		"palette and keys":                testPalette,
		"paper":                           testPaper,
		"front page":                      testIndex,
		"demo":                            testDemoInBrowser,
		"cells":                           testCells,
		"cells that lead elsewhere":       testCellLinks,
		"documents open as trees":         testDocumentTree,
		"bars and thresholds":             testBars,
		"stats are compared":              testStatCompared,
		"away":                            testAway,
		"messages that go astray":         testMessagesAstray,
		"no WebSocket comes through":      testNoSocketComesThrough,
		"over TLS":                        testOverTLS,
		"figures are honest":              testFiguresAreHonest,
		"screenshots of the demo's pages": testScreenshots,
	} {
		all.run(name, func(t *testing.T) { test(t, b) })
	}
}

// serve runs the program on a database of the test's own, which setup prepares.
func serve(t *testing.T, setup string, args ...string) (*process, *pgtest.DB) {
	t.Helper()
	db := pgtest.New(t)
	db.Script(t, setup)
	return start(t, binary(t), nil, append([]string{"serve", "--database-url", db.URL, "--listen", "127.0.0.1:0"}, args...)...), db
}

// The parts of Apache ECharts that the dashboard draws with. What is not named here is not in the bundle.
import { BarChart, HeatmapChart, MapChart, SankeyChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, HeatmapChart, MapChart, SankeyChart, GridComponent, CanvasRenderer]);

export { init, registerMap };

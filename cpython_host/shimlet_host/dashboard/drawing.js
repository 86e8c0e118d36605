// A chart. In: `drawing`, options of ECharts as JSON text, and drawn anew whenever they change.
import { echarts } from "nicegui-echart";

export default {
  template: "<div></div>",
  props: { drawing: String },
  mounted() {
    this.chart = echarts.init(this.$el, null, { renderer: "svg" });
    this.observer = new ResizeObserver(() => this.chart.resize());
    this.observer.observe(this.$el);
    this.draw();
  },
  watch: {
    drawing() {
      this.draw();
    },
  },
  methods: {
    draw() {
      if (this.chart.getWidth() !== this.$el.clientWidth) this.chart.resize();
      this.chart.setOption(JSON.parse(this.drawing));
    },
  },
  beforeUnmount() {
    this.observer.disconnect();
    this.chart.dispose();
  },
};

// Rows of text, as rows.py makes them. In: `rows` as JSON, `empty` (what to say without any),
// `more` (how many are not shown). Out: the events `act` ({id, act}) and `more`. All of it is shown as text.
export default {
  props: { rows: String, empty: String, more: Number },
  emits: ["act", "more"],
  computed: {
    list() {
      return JSON.parse(this.rows);
    },
  },
  methods: {
    copy(event, text) {
      shimlet.copy(event.currentTarget, text);
    },
  },
  template: `
    <div class="rows">
      <div v-if="!list.length" class="empty">{{ empty }}</div>
      <div v-for="row in list" :key="row.id" class="row-item" :class="{ own: row.own }" :data-id="row.id">
        <span v-if="row.chip" class="chip" :class="row.tone">{{ row.chip }}</span>
        <div class="what">
          <div class="who">
            <b v-if="row.title" class="title">{{ row.title }}</b>
            <button v-if="row.short" class="key" :title="'Copy ' + row.key" @click="copy($event, row.key)">
              {{ row.short }}<i class="material-icons" aria-hidden="true">content_copy</i>
            </button>
            <span v-if="row.meta" class="meta">{{ row.meta }}</span>
          </div>
          <div v-if="row.text" class="text">{{ row.text }}</div>
          <div v-if="row.note" class="note">{{ row.note }}</div>
        </div>
        <span v-if="row.side" class="side" :title="row.sideTitle">{{ row.side }}</span>
        <span v-if="row.actions" class="actions">
          <button v-for="[act, icon, label] in row.actions" :key="act" class="action" :class="act"
              :title="label" :aria-label="label" @click="$emit('act', { id: row.id, act })">
            <i class="material-icons" aria-hidden="true">{{ icon }}</i><template v-if="act === 'accept'">{{ label }}</template>
          </button>
        </span>
      </div>
      <button v-if="more" class="more" @click="$emit('more')">Show more: {{ more }} are left</button>
    </div>
  `,
};

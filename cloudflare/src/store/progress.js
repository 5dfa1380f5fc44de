// How far a tenant is: its latest place in the feeds, its clock, and the latest place that each feed has forgotten.
//
// Saved in the transaction of every write, so that neither a place nor a version is ever given twice.

export class Progress {
  #sql;

  // `incarnation` names the storage, should there be none yet: cursors of another storage say nothing here.
  constructor(sql, incarnation) {
    this.#sql = sql;
    sql.exec("INSERT OR IGNORE INTO progress VALUES (1, ?, 0, 0, 0, 0, 0)", incarnation);
    this.load();
  }

  load() {
    const row = this.#sql.exec("SELECT * FROM progress").one();
    this.incarnation = row.incarnation;
    this.head = row.head;
    this.clock = { milliseconds: row.milliseconds, counter: row.counter };
    this.forgotten = { records: row.records_forgotten, keys: row.keys_forgotten };
  }

  nextPlace() {
    this.head += 1;
    return this.head;
  }

  save({ milliseconds, counter }) {
    this.#sql.exec(
      "UPDATE progress SET head = ?, milliseconds = ?, counter = ?, records_forgotten = ?, keys_forgotten = ?",
      this.head,
      milliseconds,
      counter,
      this.forgotten.records,
      this.forgotten.keys,
    );
  }
}

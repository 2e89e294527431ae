#include "daemon/store/reports.hpp"

#include <algorithm>
#include <cstring>

#include "daemon/store/sqlite.hpp"

namespace imapcopy::store {
namespace {

using Found = std::optional<ReportRecord>;

// The numbers in the schema's CHECK.
static_assert(static_cast<int>(ReportState::intent) == 0 && static_cast<int>(ReportState::done) == 1 &&
              static_cast<int>(ReportState::failed) == 2);

Found find_report(Database& database, JobId job, std::uint32_t pass) {
    auto row = database.prepare(
        "SELECT fingerprint, state, destination_uid_validity, base_uid_next, destination_uid FROM report "
        "WHERE job = ?1 AND pass = ?2");
    row.bind(job.value(), pass);
    if (!row.step()) return std::nullopt;
    ReportRecord record{.job = job, .pass = pass};
    auto const bytes = row.text(0);
    std::memcpy(record.fingerprint.data(), bytes.data(), std::min(bytes.size(), record.fingerprint.size()));
    record.state = row.integer_as<ReportState>(1);
    record.destination_uid_validity = copy::UidValidity(row.integer_as<std::uint32_t>(2));
    record.base_uid_next = copy::Uid(row.integer_as<std::uint32_t>(3));
    record.destination_uid = copy::Uid(row.integer_as<std::uint32_t>(4));
    return record;
}

void begin_report(Database& database, ReportRecord const& report) {
    auto const pair = database.find_integer("SELECT pair FROM job WHERE id = ?1", report.job.value());
    if (!pair) throw Failure(ErrorCode::no_such_job, "no job " + to_string(report.job));
    auto const* const bytes = reinterpret_cast<char const*>(report.fingerprint.data());
    database.execute(
        "INSERT INTO report (job, pass, pair, state, fingerprint, destination_uid_validity, base_uid_next, "
        "destination_uid) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, 0) ON CONFLICT (job, pass) DO UPDATE SET state "
        "= 0, "
        "fingerprint = excluded.fingerprint, base_uid_next = CASE WHEN base_uid_next > 0 AND "
        "destination_uid_validity = excluded.destination_uid_validity THEN base_uid_next "
        "ELSE excluded.base_uid_next END, destination_uid_validity = excluded.destination_uid_validity, "
        "destination_uid = 0",
        report.job.value(), report.pass, *pair, Blob{{bytes, report.fingerprint.size()}},
        report.destination_uid_validity.value(), report.base_uid_next.value());
}

}  // namespace

Task<std::optional<ReportRecord>> Reports::find(JobId job, std::uint32_t pass) {
    return writer_.run<Found>([=](Database& database) { return find_report(database, job, pass); });
}

Task<> Reports::begin(JobId job, std::uint32_t pass, copy::Digest fingerprint,
                      copy::UidValidity destination_uid_validity, copy::Uid base_uid_next) {
    ReportRecord report{.job = job, .pass = pass, .fingerprint = fingerprint};
    report.destination_uid_validity = destination_uid_validity;
    report.base_uid_next = base_uid_next;
    return writer_.run([report](Database& database) { begin_report(database, report); });
}

Task<> Reports::finish(JobId job, std::uint32_t pass, ReportState state, copy::Uid uid) {
    return writer_.run([=](Database& database) {
        auto const changed = database.execute(
            "UPDATE report SET state = ?3, destination_uid = ?4 WHERE job = ?1 AND pass = ?2", job.value(),
            pass, static_cast<int>(state), uid.value());
        if (changed == 1) return;
        throw Failure(ErrorCode::internal, "record the report of job " + to_string(job) + ": none was begun");
    });
}

}  // namespace imapcopy::store

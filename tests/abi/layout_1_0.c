/* SPDX-License-Identifier: MIT */
/* layout_1_0: every size and offset of ABI 1.0, for LP64 and ILP32.
 *
 * It compiles or it does not: that is the test.  Lines are added for what a
 * later minor appends; a line that is here is never edited.  OFFSET(struct,
 * member, LP64, ILP32 as on i386); a struct's size is that of 1.0 and may
 * grow. */
#include "config.h"

#include <phub/swap.h>

#if UINTPTR_MAX > 0xffffffffu
#define PICK(lp64, ilp32) (lp64)
#elif defined(__i386__)
#define PICK(lp64, ilp32) (ilp32)
#endif
#ifdef PICK
#define SIZE(type, lp64, ilp32)                                               \
    _Static_assert(sizeof(type) >= PICK(lp64, ilp32), #type " has shrunk")
#define OFFSET(type, member, lp64, ilp32)                                     \
    _Static_assert(offsetof(type, member) == PICK(lp64, ilp32),               \
                   #type " has moved " #member)
#else   /* not measured yet: print the numbers and add them */
#define SIZE(type, lp64, ilp32) _Static_assert(sizeof(type) > 0, #type)
#define OFFSET(type, member, lp64, ilp32) SIZE(type, lp64, ilp32)
#endif

SIZE(struct phub_bytes, 16, 8);
OFFSET(struct phub_bytes, data, 0, 0);
OFFSET(struct phub_bytes, size, 8, 4);

SIZE(struct phub_epoch, 16, 16);
OFFSET(struct phub_epoch, number, 0, 0);
OFFSET(struct phub_epoch, node, 8, 8);

SIZE(struct phub_param, 64, 44);
OFFSET(struct phub_param, name, 0, 0);
OFFSET(struct phub_param, unit, 8, 4);
OFFSET(struct phub_param, default_value, 16, 8);
OFFSET(struct phub_param, choices, 24, 12);
OFFSET(struct phub_param, help, 32, 16);
OFFSET(struct phub_param, min, 40, 20);
OFFSET(struct phub_param, max, 48, 28);
OFFSET(struct phub_param, type, 56, 36);
OFFSET(struct phub_param, local, 60, 40);

SIZE(struct phub_view_node, 56, 40);
OFFSET(struct phub_view_node, size, 0, 0);
OFFSET(struct phub_view_node, weight, 4, 4);
OFFSET(struct phub_view_node, id, 8, 8);
OFFSET(struct phub_view_node, boot, 16, 16);
OFFSET(struct phub_view_node, name, 24, 24);
OFFSET(struct phub_view_node, zone, 40, 32);
/* 1.1 */
OFFSET(struct phub_view_node, labels, 56, 40);

SIZE(struct phub_instance, 32, 32);
OFFSET(struct phub_instance, size, 0, 0);
OFFSET(struct phub_instance, state, 4, 4);
OFFSET(struct phub_instance, node, 8, 8);
OFFSET(struct phub_instance, epoch, 16, 16);

SIZE(struct phub_child_info, 56, 56);
OFFSET(struct phub_child_info, size, 0, 0);
OFFSET(struct phub_child_info, flags, 4, 4);
OFFSET(struct phub_child_info, home, 8, 8);
OFFSET(struct phub_child_info, home_epoch, 16, 16);
OFFSET(struct phub_child_info, incarnation, 32, 32);
OFFSET(struct phub_child_info, local_state, 48, 48);
OFFSET(struct phub_child_info, instances_count, 52, 52);

SIZE(struct phub_result, 56, 44);
OFFSET(struct phub_result, size, 0, 0);
OFFSET(struct phub_result, count, 4, 4);
OFFSET(struct phub_result, value, 8, 8);
OFFSET(struct phub_result, epoch, 16, 16);
OFFSET(struct phub_result, text, 32, 32);
OFFSET(struct phub_result, buf, 48, 40);

SIZE(struct phub_host, 360, 184);
OFFSET(struct phub_host, size, 0, 0);
OFFSET(struct phub_host, abi_major, 4, 4);
OFFSET(struct phub_host, abi_minor, 6, 6);
OFFSET(struct phub_host, now_ns, 8, 8);
OFFSET(struct phub_host, random, 16, 12);
OFFSET(struct phub_host, timer, 24, 16);
OFFSET(struct phub_host, timer_cancel, 32, 20);
OFFSET(struct phub_host, param_uint, 40, 24);
OFFSET(struct phub_host, param_text, 48, 28);
OFFSET(struct phub_host, log, 56, 32);
OFFSET(struct phub_host, fail, 64, 36);
OFFSET(struct phub_host, counter_add, 72, 40);
OFFSET(struct phub_host, cause_note, 80, 44);
OFFSET(struct phub_host, self, 88, 48);
OFFSET(struct phub_host, view, 96, 52);
OFFSET(struct phub_host, view_ref, 104, 56);
OFFSET(struct phub_host, view_unref, 112, 60);
OFFSET(struct phub_host, view_hash, 120, 64);
OFFSET(struct phub_host, view_count, 128, 68);
OFFSET(struct phub_host, view_node, 136, 72);
OFFSET(struct phub_host, view_has, 144, 76);
OFFSET(struct phub_host, buf_new, 152, 80);
OFFSET(struct phub_host, buf_ref, 160, 84);
OFFSET(struct phub_host, buf_unref, 168, 88);
OFFSET(struct phub_host, buf_bytes, 176, 92);
OFFSET(struct phub_host, peer_send, 184, 96);
OFFSET(struct phub_host, child_info, 192, 100);
OFFSET(struct phub_host, child_instance, 200, 104);
OFFSET(struct phub_host, children_of, 208, 108);
OFFSET(struct phub_host, assign_for, 216, 112);
OFFSET(struct phub_host, child_consent, 224, 116);
OFFSET(struct phub_host, move_open, 232, 120);
OFFSET(struct phub_host, move_prepare, 240, 124);
OFFSET(struct phub_host, move_freeze, 248, 128);
OFFSET(struct phub_host, move_take_state, 256, 132);
OFFSET(struct phub_host, move_end, 264, 136);
OFFSET(struct phub_host, move_send_state, 272, 140);
OFFSET(struct phub_host, move_decide, 280, 144);
OFFSET(struct phub_host, move_abort, 288, 148);
OFFSET(struct phub_host, move_finish, 296, 152);
OFFSET(struct phub_host, move_report, 304, 156);
OFFSET(struct phub_host, stream_head, 312, 160);
OFFSET(struct phub_host, stream_delta, 320, 164);
OFFSET(struct phub_host, stream_summary, 328, 168);
OFFSET(struct phub_host, stream_missing, 336, 172);
OFFSET(struct phub_host, stream_apply, 344, 176);
OFFSET(struct phub_host, stream_equal, 352, 180);
OFFSET(struct phub_host, judge_again, 360, 184);
OFFSET(struct phub_host, defer, 368, 188);
OFFSET(struct phub_host, work, 376, 192);
OFFSET(struct phub_host, lease, 384, 196);
OFFSET(struct phub_host, store_put, 392, 200);
OFFSET(struct phub_host, store_get, 400, 204);
OFFSET(struct phub_host, store_drop, 408, 208);
OFFSET(struct phub_host, store_sync, 416, 212);
OFFSET(struct phub_host, cell_get, 424, 216);
OFFSET(struct phub_host, cell_put, 432, 220);
OFFSET(struct phub_host, cell_cas, 440, 224);
OFFSET(struct phub_host, cell_next, 448, 228);
OFFSET(struct phub_host, cell_watch, 456, 232);
OFFSET(struct phub_host, view_label, 464, 236);
OFFSET(struct phub_host, peer_multicast, 472, 240);
OFFSET(struct phub_host, peer_congested, 480, 244);
OFFSET(struct phub_host, child_role, 488, 248);
OFFSET(struct phub_host, child_stop, 496, 252);
OFFSET(struct phub_host, child_presend, 504, 256);
OFFSET(struct phub_host, load_publish, 512, 260);
OFFSET(struct phub_host, load_of, 520, 264);
OFFSET(struct phub_host, load_watch, 528, 268);
OFFSET(struct phub_host, rows_next, 536, 272);
OFFSET(struct phub_host, row_get, 544, 276);
OFFSET(struct phub_host, row_metadata, 552, 280);
OFFSET(struct phub_host, instances_next, 560, 284);
OFFSET(struct phub_host, plan_submit, 568, 288);
OFFSET(struct phub_host, plan_cancel, 576, 292);
OFFSET(struct phub_host, hook_add, 584, 296);
OFFSET(struct phub_host, hook_cancel, 592, 300);
OFFSET(struct phub_host, request_new, 600, 304);
OFFSET(struct phub_host, request_item, 608, 308);
OFFSET(struct phub_host, request_option, 616, 312);
OFFSET(struct phub_host, request_send, 624, 316);
OFFSET(struct phub_host, request_await, 632, 320);
OFFSET(struct phub_host, request_answer, 640, 324);
OFFSET(struct phub_host, request_cancel, 648, 328);
OFFSET(struct phub_host, respond, 656, 332);
OFFSET(struct phub_host, ask_forward, 664, 336);
OFFSET(struct phub_host, ask_option, 672, 340);
OFFSET(struct phub_host, alter_add, 680, 344);
OFFSET(struct phub_host, alter_id, 688, 348);
OFFSET(struct phub_host, alter_origin, 696, 352);
OFFSET(struct phub_host, alter_metadata, 704, 356);
OFFSET(struct phub_host, alter_set_metadata, 712, 360);
OFFSET(struct phub_host, alter_has_tag, 720, 364);
OFFSET(struct phub_host, alter_add_tag, 728, 368);
OFFSET(struct phub_host, alter_set_env, 736, 372);
OFFSET(struct phub_host, alter_refuse, 744, 376);
OFFSET(struct phub_host, homes_count, 752, 380);
OFFSET(struct phub_host, child_state, 760, 384);
OFFSET(struct phub_host, handover_put, 768, 388);
OFFSET(struct phub_host, handover_get, 776, 392);
OFFSET(struct phub_host, handover_drop, 784, 396);
OFFSET(struct phub_host, scored, 792, 400);
OFFSET(struct phub_host, stream_brief, 800, 404);

SIZE(struct phub_load, 88, 88);
OFFSET(struct phub_load, cpus, 4, 4);
OFFSET(struct phub_load, host, 8, 8);
OFFSET(struct phub_load, serial, 16, 16);
OFFSET(struct phub_load, age_ns, 24, 24);
OFFSET(struct phub_load, memory_bytes, 32, 32);
OFFSET(struct phub_load, memory_free_bytes, 40, 40);
OFFSET(struct phub_load, node_memory_bytes, 48, 48);
OFFSET(struct phub_load, cpu_permille, 56, 56);
OFFSET(struct phub_load, node_cpu_permille, 60, 60);
OFFSET(struct phub_load, queue_milli, 64, 64);
OFFSET(struct phub_load, children, 68, 68);
OFFSET(struct phub_load, moving, 72, 72);
OFFSET(struct phub_load, interval_ms, 76, 76);
OFFSET(struct phub_load, flags, 80, 80);
OFFSET(struct phub_load, reserved_, 84, 84);

SIZE(struct phub_row, 80, 72);
OFFSET(struct phub_row, flags, 4, 4);
OFFSET(struct phub_row, id, 8, 8);
OFFSET(struct phub_row, home, 24, 16);
OFFSET(struct phub_row, home_epoch, 32, 24);
OFFSET(struct phub_row, incarnation, 48, 40);
OFFSET(struct phub_row, version, 64, 56);
OFFSET(struct phub_row, replicas_count, 72, 64);
OFFSET(struct phub_row, instances_count, 76, 68);

SIZE(struct phub_rows_query, 32, 24);
OFFSET(struct phub_rows_query, by, 4, 4);
OFFSET(struct phub_rows_query, node, 8, 8);
OFFSET(struct phub_rows_query, key, 16, 16);

SIZE(struct phub_meta, 32, 16);
OFFSET(struct phub_meta, value, 16, 8);

SIZE(struct phub_pace, 16, 16);
OFFSET(struct phub_pace, at_once, 4, 4);
OFFSET(struct phub_pace, per_minute, 8, 8);
OFFSET(struct phub_pace, timeout_ms, 12, 12);

SIZE(struct phub_request_answer, 48, 32);
OFFSET(struct phub_request_answer, code, 4, 4);
OFFSET(struct phub_request_answer, node, 8, 8);
OFFSET(struct phub_request_answer, data, 16, 16);
OFFSET(struct phub_request_answer, text, 32, 24);

SIZE(struct phub_asked, 48, 40);
OFFSET(struct phub_asked, flags, 4, 4);
OFFSET(struct phub_asked, ask, 8, 8);
OFFSET(struct phub_asked, node, 16, 16);
OFFSET(struct phub_asked, timeout_ms, 24, 24);
OFFSET(struct phub_asked, message, 32, 32);

SIZE(struct phub_event, 72, 48);
OFFSET(struct phub_event, code, 4, 4);
OFFSET(struct phub_event, name, 8, 8);
OFFSET(struct phub_event, child, 24, 16);
OFFSET(struct phub_event, text, 40, 24);
OFFSET(struct phub_event, node, 56, 32);
OFFSET(struct phub_event, count, 64, 40);
OFFSET(struct phub_event, lost, 68, 44);

SIZE(struct phub_lease, 48, 48);
OFFSET(struct phub_lease, size, 0, 0);
OFFSET(struct phub_lease, flags, 4, 4);
OFFSET(struct phub_lease, deadline_ns, 8, 8);
OFFSET(struct phub_lease, grants, 16, 16);
OFFSET(struct phub_lease, electorate, 20, 20);
OFFSET(struct phub_lease, weight, 24, 24);
OFFSET(struct phub_lease, weight_all, 32, 32);
OFFSET(struct phub_lease, version, 40, 40);

SIZE(struct phub_assign_item, 64, 48);
OFFSET(struct phub_assign_item, size, 0, 0);
OFFSET(struct phub_assign_item, cause, 4, 4);
OFFSET(struct phub_assign_item, id, 8, 8);
OFFSET(struct phub_assign_item, holders, 24, 16);
OFFSET(struct phub_assign_item, holders_count, 32, 20);
OFFSET(struct phub_assign_item, home, 40, 28);
OFFSET(struct phub_assign_item, tags, 48, 36);
OFFSET(struct phub_assign_item, tags_count, 56, 40);
/* 1.1 */
OFFSET(struct phub_assign_item, metadata, 64, 48);
OFFSET(struct phub_assign_item, metadata_count, 72, 52);

SIZE(struct phub_distribution_ops, 56, 32);
OFFSET(struct phub_distribution_ops, size, 0, 0);
OFFSET(struct phub_distribution_ops, instance_size, 4, 4);
OFFSET(struct phub_distribution_ops, open, 8, 8);
OFFSET(struct phub_distribution_ops, close, 16, 12);
OFFSET(struct phub_distribution_ops, assign, 24, 16);
OFFSET(struct phub_distribution_ops, view_changed, 32, 20);
OFFSET(struct phub_distribution_ops, completed, 40, 24);
OFFSET(struct phub_distribution_ops, received, 48, 28);
OFFSET(struct phub_distribution_ops, asked, 56, 32);

SIZE(struct phub_redundancy_ops, 40, 24);
OFFSET(struct phub_redundancy_ops, size, 0, 0);
OFFSET(struct phub_redundancy_ops, instance_size, 4, 4);
OFFSET(struct phub_redundancy_ops, open, 8, 8);
OFFSET(struct phub_redundancy_ops, close, 16, 12);
OFFSET(struct phub_redundancy_ops, factor, 24, 16);
OFFSET(struct phub_redundancy_ops, plan, 32, 20);
/* 1.1 */
OFFSET(struct phub_redundancy_ops, signals, 40, 24);
OFFSET(struct phub_redundancy_ops, completed, 48, 28);
OFFSET(struct phub_redundancy_ops, received, 56, 32);
OFFSET(struct phub_redundancy_ops, view_changed, 64, 36);
OFFSET(struct phub_redundancy_ops, asked, 72, 40);

SIZE(struct phub_sync_ops, 56, 32);
OFFSET(struct phub_sync_ops, size, 0, 0);
OFFSET(struct phub_sync_ops, instance_size, 4, 4);
OFFSET(struct phub_sync_ops, open, 8, 8);
OFFSET(struct phub_sync_ops, close, 16, 12);
OFFSET(struct phub_sync_ops, changed, 24, 16);
OFFSET(struct phub_sync_ops, received, 32, 20);
OFFSET(struct phub_sync_ops, view_changed, 40, 24);
OFFSET(struct phub_sync_ops, completed, 48, 28);
OFFSET(struct phub_sync_ops, asked, 56, 32);

SIZE(struct phub_plan_item, 48, 36);
OFFSET(struct phub_plan_item, size, 0, 0);
OFFSET(struct phub_plan_item, cause, 4, 4);
OFFSET(struct phub_plan_item, id, 8, 8);
OFFSET(struct phub_plan_item, targets, 24, 16);
OFFSET(struct phub_plan_item, targets_count, 32, 20);
OFFSET(struct phub_plan_item, flags, 40, 28);
OFFSET(struct phub_plan_item, deadline_ms, 44, 32);

SIZE(struct phub_migration_ops, 64, 36);
OFFSET(struct phub_migration_ops, size, 0, 0);
OFFSET(struct phub_migration_ops, instance_size, 4, 4);
OFFSET(struct phub_migration_ops, open, 8, 8);
OFFSET(struct phub_migration_ops, close, 16, 12);
OFFSET(struct phub_migration_ops, begin, 24, 16);
OFFSET(struct phub_migration_ops, completed, 32, 20);
OFFSET(struct phub_migration_ops, cancel, 40, 24);
OFFSET(struct phub_migration_ops, received, 48, 28);
OFFSET(struct phub_migration_ops, view_changed, 56, 32);
/* 1.1 */
OFFSET(struct phub_migration_ops, leave, 64, 36);
OFFSET(struct phub_migration_ops, asked, 72, 40);

SIZE(struct phub_judge, 56, 40);
OFFSET(struct phub_judge, size, 0, 0);
OFFSET(struct phub_judge, lost_count, 4, 4);
OFFSET(struct phub_judge, old_view, 8, 8);
OFFSET(struct phub_judge, new_view, 16, 12);
OFFSET(struct phub_judge, lost, 24, 16);
OFFSET(struct phub_judge, left, 32, 20);
OFFSET(struct phub_judge, left_count, 40, 24);
OFFSET(struct phub_judge, now_ns, 48, 32);

SIZE(struct phub_partition_ops, 48, 28);
OFFSET(struct phub_partition_ops, size, 0, 0);
OFFSET(struct phub_partition_ops, instance_size, 4, 4);
OFFSET(struct phub_partition_ops, open, 8, 8);
OFFSET(struct phub_partition_ops, close, 16, 12);
OFFSET(struct phub_partition_ops, judge, 24, 16);
OFFSET(struct phub_partition_ops, electorate, 32, 20);
OFFSET(struct phub_partition_ops, completed, 40, 24);
OFFSET(struct phub_partition_ops, electors, 48, 28);
OFFSET(struct phub_partition_ops, received, 56, 32);
OFFSET(struct phub_partition_ops, view_changed, 64, 36);
OFFSET(struct phub_partition_ops, reset, 72, 40);
OFFSET(struct phub_partition_ops, forget, 80, 44);
OFFSET(struct phub_partition_ops, asked, 88, 48);
OFFSET(struct phub_partition_ops, leave, 96, 52);

SIZE(struct phub_elector, 24, 24);
OFFSET(struct phub_elector, size, 0, 0);
OFFSET(struct phub_elector, reserved_, 4, 4);
OFFSET(struct phub_elector, node, 8, 8);
OFFSET(struct phub_elector, weight, 16, 16);
OFFSET(struct phub_elector, weight_next, 20, 20);

SIZE(union phub_ops, 8, 4);
OFFSET(union phub_ops, any, 0, 0);
OFFSET(union phub_ops, distribution, 0, 0);
OFFSET(union phub_ops, redundancy, 0, 0);
OFFSET(union phub_ops, sync, 0, 0);
OFFSET(union phub_ops, migration, 0, 0);
OFFSET(union phub_ops, partition, 0, 0);

SIZE(struct phub_plugin, 88, 64);
OFFSET(struct phub_plugin, magic, 0, 0);
OFFSET(struct phub_plugin, size, 4, 4);
OFFSET(struct phub_plugin, abi_needs, 8, 8);
OFFSET(struct phub_plugin, abi_built, 10, 10);
OFFSET(struct phub_plugin, kind, 12, 12);
OFFSET(struct phub_plugin, flags, 16, 16);
OFFSET(struct phub_plugin, wire_min, 24, 24);
OFFSET(struct phub_plugin, wire_max, 28, 28);
OFFSET(struct phub_plugin, name, 32, 32);
OFFSET(struct phub_plugin, version, 40, 36);
OFFSET(struct phub_plugin, license, 48, 40);
OFFSET(struct phub_plugin, summary, 56, 44);
OFFSET(struct phub_plugin, params, 64, 48);
OFFSET(struct phub_plugin, params_count, 72, 52);
OFFSET(struct phub_plugin, params_stride, 76, 56);
OFFSET(struct phub_plugin, ops, 80, 60);

SIZE(struct phub_swap_info, 64, 52);
OFFSET(struct phub_swap_info, size, 0, 0);
OFFSET(struct phub_swap_info, step, 4, 4);
OFFSET(struct phub_swap_info, child, 8, 8);
OFFSET(struct phub_swap_info, target, 24, 16);
OFFSET(struct phub_swap_info, flags, 32, 24);
OFFSET(struct phub_swap_info, cause, 36, 28);
OFFSET(struct phub_swap_info, attempt, 40, 32);
OFFSET(struct phub_swap_info, rc, 44, 36);
OFFSET(struct phub_swap_info, move, 48, 40);
OFFSET(struct phub_swap_info, state_size, 56, 44);

SIZE(struct phub_swap_options, 56, 48);
OFFSET(struct phub_swap_options, size, 0, 0);
OFFSET(struct phub_swap_options, moves_parallel, 4, 4);
OFFSET(struct phub_swap_options, handover, 8, 8);
OFFSET(struct phub_swap_options, prepare_timeout_ms, 12, 12);
OFFSET(struct phub_swap_options, state_query_timeout_ms, 16, 16);
OFFSET(struct phub_swap_options, state_ttl_ms, 20, 20);
OFFSET(struct phub_swap_options, consent_timeout_ms, 24, 24);
OFFSET(struct phub_swap_options, consent_retry_ms, 28, 28);
OFFSET(struct phub_swap_options, consent_max_defer_ms, 32, 32);
OFFSET(struct phub_swap_options, reserved_, 36, 36);
OFFSET(struct phub_swap_options, next, 40, 40);
OFFSET(struct phub_swap_options, arg, 48, 44);

int main(void)
{
    return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a program that was built before relies on: the messages and the shared memory of the
 * protocol (docs/protocol.md is normative), and the functions, structs and numbers of libzcrx.
 * compatible_test.c compares the sources with it. A line that does not compile any more names what
 * was removed.
 *
 * A line is never changed, but for the size of a struct that has grown at its end. What is added on
 * purpose gets a line of its own, and a place in docs/protocol.md or in the library's manual pages.
 */
#ifndef TESTS_LIB_COMPATIBLE_H
#define TESTS_LIB_COMPATIBLE_H

/* clang-format off */

/* STRUCT: its name, bytes. FIELD: of which struct, its name, where it is, bytes. */
#define COMPATIBLE_STRUCTS(STRUCT, FIELD) \
	STRUCT(msg_hdr, 16) \
	FIELD(msg_hdr, size, 0, 4) \
	FIELD(msg_hdr, type, 4, 2) \
	FIELD(msg_hdr, nfds, 6, 2) \
	FIELD(msg_hdr, serial, 8, 4) \
	FIELD(msg_hdr, error, 12, 4) \
	STRUCT(msg_fail, 264) \
	FIELD(msg_fail, hdr, 0, 16) \
	FIELD(msg_fail, reason, 16, 4) \
	FIELD(msg_fail, detail, 20, 4) \
	FIELD(msg_fail, text, 24, 240) \
	STRUCT(msg_addr, 24) \
	FIELD(msg_addr, family, 0, 2) \
	FIELD(msg_addr, port, 2, 2) \
	FIELD(msg_addr, scope, 4, 4) \
	FIELD(msg_addr, ip, 8, 16) \
	STRUCT(msg_hello, 64) \
	FIELD(msg_hello, hdr, 0, 16) \
	FIELD(msg_hello, version_min, 16, 2) \
	FIELD(msg_hello, version_max, 18, 2) \
	FIELD(msg_hello, pad, 20, 4) \
	FIELD(msg_hello, features, 24, 8) \
	FIELD(msg_hello, name, 32, 32) \
	STRUCT(msg_hello_reply, 80) \
	FIELD(msg_hello_reply, hdr, 0, 16) \
	FIELD(msg_hello_reply, version, 16, 2) \
	FIELD(msg_hello_reply, pad, 18, 2) \
	FIELD(msg_hello_reply, page_bytes, 20, 4) \
	FIELD(msg_hello_reply, features, 24, 8) \
	FIELD(msg_hello_reply, max_area_bytes, 32, 8) \
	FIELD(msg_hello_reply, max_queues, 40, 4) \
	FIELD(msg_hello_reply, max_flows, 44, 4) \
	FIELD(msg_hello_reply, server, 48, 32) \
	STRUCT(msg_area_add, 32) \
	FIELD(msg_area_add, hdr, 0, 16) \
	FIELD(msg_area_add, kind, 16, 4) \
	FIELD(msg_area_add, flags, 20, 4) \
	FIELD(msg_area_add, length, 24, 8) \
	STRUCT(msg_area_add_reply, 24) \
	FIELD(msg_area_add_reply, hdr, 0, 16) \
	FIELD(msg_area_add_reply, area_id, 16, 4) \
	FIELD(msg_area_add_reply, pad, 20, 4) \
	STRUCT(msg_area_del, 24) \
	FIELD(msg_area_del, hdr, 0, 16) \
	FIELD(msg_area_del, area_id, 16, 4) \
	FIELD(msg_area_del, pad, 20, 4) \
	STRUCT(msg_queue_open, 64) \
	FIELD(msg_queue_open, hdr, 0, 16) \
	FIELD(msg_queue_open, area_id, 16, 4) \
	FIELD(msg_queue_open, backend, 20, 4) \
	FIELD(msg_queue_open, flags, 24, 4) \
	FIELD(msg_queue_open, cq_entries, 28, 4) \
	FIELD(msg_queue_open, rq_entries, 32, 4) \
	FIELD(msg_queue_open, buffer_bytes, 36, 4) \
	FIELD(msg_queue_open, rx_queues, 40, 4) \
	FIELD(msg_queue_open, pad, 44, 4) \
	FIELD(msg_queue_open, nic, 48, 16) \
	STRUCT(msg_rings, 64) \
	FIELD(msg_rings, cq_map_bytes, 0, 4) \
	FIELD(msg_rings, cq_tail, 4, 4) \
	FIELD(msg_rings, cq_cqes, 8, 4) \
	FIELD(msg_rings, cq_entries, 12, 4) \
	FIELD(msg_rings, cqe_bytes, 16, 4) \
	FIELD(msg_rings, daemon_page, 20, 4) \
	FIELD(msg_rings, rq_map_bytes, 24, 4) \
	FIELD(msg_rings, client_page, 28, 4) \
	FIELD(msg_rings, rq_head, 32, 4) \
	FIELD(msg_rings, rq_tail, 36, 4) \
	FIELD(msg_rings, rq_rqes, 40, 4) \
	FIELD(msg_rings, rq_entries, 44, 4) \
	FIELD(msg_rings, rqe_bytes, 48, 4) \
	FIELD(msg_rings, side_map_bytes, 52, 4) \
	FIELD(msg_rings, side_slot_bytes, 56, 4) \
	FIELD(msg_rings, pad, 60, 4) \
	STRUCT(msg_queue_open_reply, 360) \
	FIELD(msg_queue_open_reply, hdr, 0, 16) \
	FIELD(msg_queue_open_reply, queue_id, 16, 4) \
	FIELD(msg_queue_open_reply, backend, 20, 4) \
	FIELD(msg_queue_open_reply, format, 24, 4) \
	FIELD(msg_queue_open_reply, buffer_bytes, 28, 4) \
	FIELD(msg_queue_open_reply, ifindex, 32, 4) \
	FIELD(msg_queue_open_reply, rxq, 36, 4) \
	FIELD(msg_queue_open_reply, area_token, 40, 8) \
	FIELD(msg_queue_open_reply, rings, 48, 64) \
	FIELD(msg_queue_open_reply, why_not, 112, 4) \
	FIELD(msg_queue_open_reply, pad, 116, 4) \
	FIELD(msg_queue_open_reply, why_text, 120, 240) \
	STRUCT(msg_queue_close, 24) \
	FIELD(msg_queue_close, hdr, 0, 16) \
	FIELD(msg_queue_close, queue_id, 16, 4) \
	FIELD(msg_queue_close, pad, 20, 4) \
	STRUCT(msg_flow_adopt, 24) \
	FIELD(msg_flow_adopt, hdr, 0, 16) \
	FIELD(msg_flow_adopt, queue_id, 16, 4) \
	FIELD(msg_flow_adopt, flags, 20, 4) \
	STRUCT(msg_flow_host, 80) \
	FIELD(msg_flow_host, hdr, 0, 16) \
	FIELD(msg_flow_host, queue_id, 16, 4) \
	FIELD(msg_flow_host, flags, 20, 4) \
	FIELD(msg_flow_host, backlog, 24, 4) \
	FIELD(msg_flow_host, timeout_ms, 28, 4) \
	FIELD(msg_flow_host, local, 32, 24) \
	FIELD(msg_flow_host, remote, 56, 24) \
	STRUCT(msg_flow_reply, 72) \
	FIELD(msg_flow_reply, hdr, 0, 16) \
	FIELD(msg_flow_reply, flow_id, 16, 4) \
	FIELD(msg_flow_reply, pad, 20, 4) \
	FIELD(msg_flow_reply, local, 24, 24) \
	FIELD(msg_flow_reply, remote, 48, 24) \
	STRUCT(msg_flow_pause, 24) \
	FIELD(msg_flow_pause, hdr, 0, 16) \
	FIELD(msg_flow_pause, flow_id, 16, 4) \
	FIELD(msg_flow_pause, on, 20, 4) \
	STRUCT(msg_flow_close, 24) \
	FIELD(msg_flow_close, hdr, 0, 16) \
	FIELD(msg_flow_close, flow_id, 16, 4) \
	FIELD(msg_flow_close, flags, 20, 4) \
	STRUCT(msg_ok, 16) \
	FIELD(msg_ok, hdr, 0, 16) \
	STRUCT(msg_flow_opened, 80) \
	FIELD(msg_flow_opened, hdr, 0, 16) \
	FIELD(msg_flow_opened, queue_id, 16, 4) \
	FIELD(msg_flow_opened, listener_id, 20, 4) \
	FIELD(msg_flow_opened, flow_id, 24, 4) \
	FIELD(msg_flow_opened, pad, 28, 4) \
	FIELD(msg_flow_opened, local, 32, 24) \
	FIELD(msg_flow_opened, remote, 56, 24) \
	STRUCT(msg_flow_closed, 184) \
	FIELD(msg_flow_closed, hdr, 0, 16) \
	FIELD(msg_flow_closed, queue_id, 16, 4) \
	FIELD(msg_flow_closed, flow_id, 20, 4) \
	FIELD(msg_flow_closed, error, 24, 4) \
	FIELD(msg_flow_closed, reason, 28, 4) \
	FIELD(msg_flow_closed, cq_pos, 32, 4) \
	FIELD(msg_flow_closed, pad, 36, 4) \
	FIELD(msg_flow_closed, bytes, 40, 8) \
	FIELD(msg_flow_closed, bytes_copied, 48, 8) \
	FIELD(msg_flow_closed, text, 56, 128) \
	STRUCT(msg_queue_lost, 272) \
	FIELD(msg_queue_lost, hdr, 0, 16) \
	FIELD(msg_queue_lost, queue_id, 16, 4) \
	FIELD(msg_queue_lost, error, 20, 4) \
	FIELD(msg_queue_lost, reason, 24, 4) \
	FIELD(msg_queue_lost, pad, 28, 4) \
	FIELD(msg_queue_lost, text, 32, 240) \
	STRUCT(ring_client, 192) \
	FIELD(ring_client, cq_head, 0, 4) \
	FIELD(ring_client, wake, 64, 4) \
	FIELD(ring_client, side_head, 128, 4) \
	STRUCT(ring_daemon, 192) \
	FIELD(ring_daemon, kick, 0, 4) \
	FIELD(ring_daemon, events, 4, 4) \
	FIELD(ring_daemon, starved, 8, 4) \
	FIELD(ring_daemon, futex, 12, 4) \
	FIELD(ring_daemon, bytes, 64, 8) \
	FIELD(ring_daemon, bytes_copied, 72, 8) \
	FIELD(ring_daemon, completions, 80, 8) \
	FIELD(ring_daemon, refills, 88, 8) \
	FIELD(ring_daemon, refills_refused, 96, 8) \
	FIELD(ring_daemon, heads_refused, 104, 8) \
	FIELD(ring_daemon, starvations, 112, 8) \
	FIELD(ring_daemon, wakeups, 120, 8) \
	FIELD(ring_daemon, enters, 128, 8) \
	FIELD(ring_daemon, lent, 136, 8) \
	FIELD(ring_daemon, returned, 144, 8) \
	FIELD(ring_daemon, missed, 152, 8) \
	FIELD(ring_daemon, in_vain, 160, 8) \
	STRUCT(ring_cqe, 32) \
	FIELD(ring_cqe, user_data, 0, 8) \
	FIELD(ring_cqe, res, 8, 4) \
	FIELD(ring_cqe, flags, 12, 4) \
	FIELD(ring_cqe, off, 16, 8) \
	FIELD(ring_cqe, pad, 24, 8) \
	STRUCT(ring_rqe, 16) \
	FIELD(ring_rqe, off, 0, 8) \
	FIELD(ring_rqe, len, 8, 4) \
	FIELD(ring_rqe, pad, 12, 4) \
	STRUCT(zcrx_queue_options, 48) \
	FIELD(zcrx_queue_options, size, 0, 8) \
	FIELD(zcrx_queue_options, backend, 8, 4) \
	FIELD(zcrx_queue_options, flags, 12, 4) \
	FIELD(zcrx_queue_options, cq_entries, 16, 4) \
	FIELD(zcrx_queue_options, rq_entries, 20, 4) \
	FIELD(zcrx_queue_options, buffer_bytes, 24, 4) \
	FIELD(zcrx_queue_options, rx_queues, 28, 4) \
	FIELD(zcrx_queue_options, nic, 32, 16) \
	STRUCT(zcrx_queue_info, 104) \
	FIELD(zcrx_queue_info, size, 0, 8) \
	FIELD(zcrx_queue_info, backend, 8, 4) \
	FIELD(zcrx_queue_info, buffer_bytes, 12, 4) \
	FIELD(zcrx_queue_info, ifindex, 16, 4) \
	FIELD(zcrx_queue_info, rxq, 20, 4) \
	FIELD(zcrx_queue_info, cq_entries, 24, 4) \
	FIELD(zcrx_queue_info, rq_entries, 28, 4) \
	FIELD(zcrx_queue_info, bytes, 32, 8) \
	FIELD(zcrx_queue_info, bytes_copied, 40, 8) \
	FIELD(zcrx_queue_info, completions, 48, 8) \
	FIELD(zcrx_queue_info, refills_refused, 56, 8) \
	FIELD(zcrx_queue_info, starvations, 64, 8) \
	FIELD(zcrx_queue_info, wakeups, 72, 8) \
	FIELD(zcrx_queue_info, enters, 80, 8) \
	FIELD(zcrx_queue_info, why_not, 88, 8) \
	FIELD(zcrx_queue_info, why_lost, 96, 8) \
	STRUCT(zcrx_completion, 40) \
	FIELD(zcrx_completion, what, 0, 4) \
	FIELD(zcrx_completion, error, 4, 4) \
	FIELD(zcrx_completion, flow, 8, 8) \
	FIELD(zcrx_completion, user, 16, 8) \
	FIELD(zcrx_completion, off, 24, 8) \
	FIELD(zcrx_completion, len, 32, 4) \
	FIELD(zcrx_completion, flags, 36, 4)

/* NUMBER: its name, value. */
#define COMPATIBLE_NUMBERS(NUMBER) \
	NUMBER(MSG_VERSION, 1) \
	NUMBER(MSG_BYTES_MAX, 4096) \
	NUMBER(MSG_FDS_MAX, 4) \
	NUMBER(MSG_FORMAT_BUFFER_ID, 1) \
	NUMBER(MSG_FORMAT_ZCRX, 2) \
	NUMBER(MSG_AREA_MEMFD, 1) \
	NUMBER(MSG_AREA_DMABUF, 2) \
	NUMBER(MSG_AREA_UDMABUF, 3) \
	NUMBER(MSG_QUEUE_NO_COPY, 1) \
	NUMBER(MSG_FLOW_LISTEN, 1) \
	NUMBER(MSG_FLOW_RECEIVE_ONLY, 2) \
	NUMBER(MSG_CLOSE_ABORT, 1) \
	NUMBER(MSG_BACKEND_AUTO, 0) \
	NUMBER(MSG_BACKEND_COPY, 1) \
	NUMBER(MSG_BACKEND_DEVMEM, 2) \
	NUMBER(MSG_BACKEND_ZCRX, 3) \
	NUMBER(RING_CQE_FORMAT_1_BYTES, 16) \
	NUMBER(RING_CQE_BUFFER, 1) \
	NUMBER(RING_CQE_BUFFER_SHIFT, 16) \
	NUMBER(RING_CQE_OFFSET, 0xffffffffffff) \
	NUMBER(RING_SIDE_MAX, 1024) \
	NUMBER(FLOW_ID_INDEX_BITS, 16) \
	NUMBER(ZCRX_AREA_UDMABUF, 1) \
	NUMBER(ZCRX_BACKEND_AUTO, 0) \
	NUMBER(ZCRX_BACKEND_COPY, 1) \
	NUMBER(ZCRX_BACKEND_DEVMEM, 2) \
	NUMBER(ZCRX_BACKEND_ZCRX, 3) \
	NUMBER(ZCRX_QUEUE_NO_COPY, 1) \
	NUMBER(ZCRX_FLOW_LISTEN, 1) \
	NUMBER(ZCRX_FLOW_HOST, 2) \
	NUMBER(ZCRX_FLOW_RECEIVE_ONLY, 4) \
	NUMBER(ZCRX_CLOSE_ABORT, 1) \
	NUMBER(ZCRX_DATA, 1) \
	NUMBER(ZCRX_OPEN, 2) \
	NUMBER(ZCRX_END, 3) \
	NUMBER(ZCRX_LOST, 4) \
	NUMBER(ZCRX_COPIED, 1) \
	NUMBER(ZCRX_SIDE, 2)

/* The lines of MSG_REQUESTS and MSG_EVENTS. */
#define COMPATIBLE_MESSAGES(MESSAGE) \
	MESSAGE(HELLO, 1, msg_hello, 0, 0, msg_hello_reply, 0, 0, NEW) \
	MESSAGE(AREA_ADD, 2, msg_area_add, 1, 1, msg_area_add_reply, 0, 1, READY) \
	MESSAGE(AREA_DEL, 3, msg_area_del, 0, 0, msg_ok, 0, 0, READY) \
	MESSAGE(QUEUE_OPEN, 4, msg_queue_open, 0, 0, msg_queue_open_reply, 3, 4, READY) \
	MESSAGE(QUEUE_CLOSE, 5, msg_queue_close, 0, 0, msg_ok, 0, 0, READY) \
	MESSAGE(FLOW_ADOPT, 6, msg_flow_adopt, 1, 1, msg_flow_reply, 0, 0, READY) \
	MESSAGE(FLOW_HOST, 7, msg_flow_host, 0, 0, msg_flow_reply, 0, 1, READY) \
	MESSAGE(FLOW_PAUSE, 8, msg_flow_pause, 0, 0, msg_ok, 0, 0, READY) \
	MESSAGE(FLOW_CLOSE, 9, msg_flow_close, 0, 0, msg_ok, 0, 0, READY) \
	MESSAGE(FLOW_OPENED, 64, msg_flow_opened, 0, 1) \
	MESSAGE(FLOW_CLOSED, 65, msg_flow_closed, 0, 0) \
	MESSAGE(QUEUE_LOST, 66, msg_queue_lost, 0, 0)

/* The lines of REASON_TABLE without the sentences. */
#define COMPATIBLE_REASONS(REASON) \
	REASON(MALFORMED, 1, EBADMSG) \
	REASON(VERSION, 2, EPROTO) \
	REASON(STATE, 3, EPROTO) \
	REASON(UNKNOWN_REQUEST, 4, EOPNOTSUPP) \
	REASON(UNKNOWN_FIELD, 5, E2BIG) \
	REASON(UNKNOWN_FLAG, 6, EINVAL) \
	REASON(VALUE, 7, EINVAL) \
	REASON(NO_OBJECT, 8, ENOENT) \
	REASON(BUSY, 9, EBUSY) \
	REASON(FD_KIND, 10, EINVAL) \
	REASON(FD_ACCESS, 11, EACCES) \
	REASON(SEALS, 12, EPERM) \
	REASON(AREA_SIZE, 13, EINVAL) \
	REASON(AREA_KIND, 14, EOPNOTSUPP) \
	REASON(QUOTA, 15, EDQUOT) \
	REASON(DAEMON_LIMIT, 16, ENOMEM) \
	REASON(BACKEND, 17, EOPNOTSUPP) \
	REASON(SOCKET_KIND, 18, EPROTOTYPE) \
	REASON(SOCKET_STATE, 19, ENOTCONN) \
	REASON(SOCKET_PROTOCOL, 20, EPROTONOSUPPORT) \
	REASON(SOCKET_TAKEN, 21, EALREADY) \
	REASON(HOST_DENIED, 22, EPERM) \
	REASON(NETWORK, 23, ECONNREFUSED) \
	REASON(KERNEL, 24, EIO) \
	REASON(PEER, 25, ECONNRESET) \
	REASON(SHUTDOWN, 26, ESHUTDOWN) \
	REASON(NIC_GONE, 27, ENODEV) \
	REASON(AREA_TAKEN, 28, EBUSY) \
	REASON(UNPLACEABLE, 29, EIO) \
	REASON(DENIED, 30, EPERM) \
	REASON(LOCAL, 31, ECONNABORTED) \
	REASON(AREA_MEMORY, 32, ENOMEM) \
	REASON(INTRUDER, 33, EIO)

/* FUNCTION: what it returns, its name, what it takes. All are exported with the version ZCRX_0. */
#define COMPATIBLE_FUNCTIONS(FUNCTION) \
	FUNCTION(size_t, zcrx_area_bytes, (const struct zcrx_area *)) \
	FUNCTION(void *, zcrx_area_data, (const struct zcrx_area *)) \
	FUNCTION(int, zcrx_area_free, (struct zcrx_area *)) \
	FUNCTION(int, zcrx_area_import, (struct zcrx *, struct zcrx_area **, int, size_t)) \
	FUNCTION(int, zcrx_area_new, (struct zcrx *, struct zcrx_area **, size_t, unsigned)) \
	FUNCTION(int, zcrx_area_sync, (struct zcrx_area *, int)) \
	FUNCTION(void, zcrx_close, (struct zcrx *)) \
	FUNCTION(int, zcrx_connect, (struct zcrx **, const char *)) \
	FUNCTION(const void *, zcrx_data, (const struct zcrx_queue *, const struct zcrx_completion *)) \
	FUNCTION(const char *, zcrx_error, (const struct zcrx *)) \
	FUNCTION(int, zcrx_flow_adopt, (struct zcrx_queue *, struct zcrx_flow **, int, unsigned, void *)) \
	FUNCTION(void, zcrx_flow_close, (struct zcrx_flow *, unsigned)) \
	FUNCTION(int, zcrx_flow_connect, (struct zcrx_queue *, struct zcrx_flow **, const struct sockaddr *, socklen_t, unsigned, void *)) \
	FUNCTION(int, zcrx_flow_listen, (struct zcrx_queue *, struct zcrx_flow **, const struct sockaddr *, socklen_t, unsigned, void *)) \
	FUNCTION(int, zcrx_flow_local, (const struct zcrx_flow *, struct sockaddr *, socklen_t *)) \
	FUNCTION(int, zcrx_flow_pause, (struct zcrx_flow *, int)) \
	FUNCTION(int, zcrx_flow_remote, (const struct zcrx_flow *, struct sockaddr *, socklen_t *)) \
	FUNCTION(void, zcrx_flow_set_user, (struct zcrx_flow *, void *)) \
	FUNCTION(int, zcrx_flow_socket, (const struct zcrx_flow *)) \
	FUNCTION(void *, zcrx_flow_user, (const struct zcrx_flow *)) \
	FUNCTION(void, zcrx_queue_close, (struct zcrx_queue *)) \
	FUNCTION(int, zcrx_queue_fd, (const struct zcrx_queue *)) \
	FUNCTION(int, zcrx_queue_info, (const struct zcrx_queue *, struct zcrx_queue_info *)) \
	FUNCTION(int, zcrx_queue_open, (struct zcrx *, struct zcrx_queue **, struct zcrx_area *, const struct zcrx_queue_options *)) \
	FUNCTION(int, zcrx_reap, (struct zcrx_queue *, struct zcrx_completion *, int)) \
	FUNCTION(void, zcrx_recycle, (struct zcrx_queue *, const struct zcrx_completion *, int)) \
	FUNCTION(int, zcrx_wait, (struct zcrx_queue *, int))

/* clang-format on */

#endif

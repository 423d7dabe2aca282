// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.javavmm.bindings.kvm.kvm_sev_attestation_report;
import org.javavmm.bindings.kvm.kvm_sev_cmd;
import org.javavmm.bindings.kvm.kvm_sev_dbg;
import org.javavmm.bindings.kvm.kvm_sev_guest_status;
import org.javavmm.bindings.kvm.kvm_sev_init;
import org.javavmm.bindings.kvm.kvm_sev_launch_measure;
import org.javavmm.bindings.kvm.kvm_sev_launch_secret;
import org.javavmm.bindings.kvm.kvm_sev_launch_start;
import org.javavmm.bindings.kvm.kvm_sev_launch_update_data;
import org.javavmm.bindings.kvm.kvm_sev_receive_start;
import org.javavmm.bindings.kvm.kvm_sev_send_start;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_finish;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_start;
import org.javavmm.bindings.kvm.kvm_sev_snp_launch_update;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the commands of SEV give to the kernel, read by the generated accessors. The kernel is
 * played through /proc/self/mem, for only addresses are given.
 */
class SevTest {
  private final Recorder recorder = new Recorder();
  private OwnedFd firmware;
  private Sev sev;

  /** The structure of the last command. */
  private MemorySegment data = MemorySegment.NULL;

  private final List<Integer> ids = new ArrayList<>();

  SevTest() throws Exception {
    firmware = OwnedFd.openReadWrite("/dev/null");
    sev = new Sev(recorder, firmware);
  }

  @BeforeEach
  void kernel() {
    kernel(0, _ -> {});
  }

  @AfterEach
  void close() {
    firmware.close();
  }

  /** Copies the structure in, lets the answer change it, and copies it out. */
  private void kernel(long size, Consumer<MemorySegment> answer) {
    recorder.answer =
        cmd -> {
          assertEquals(firmware.number(), kvm_sev_cmd.sev_fd(cmd));
          assertEquals(0, kvm_sev_cmd.error(cmd));
          ids.add(kvm_sev_cmd.id(cmd));
          long address = kvm_sev_cmd.data(cmd);
          if (size == 0) {
            assertEquals(0, address);
            return;
          }
          data = Arena.ofAuto().allocate(size, 8);
          data.copyFrom(MemorySegment.ofArray(Recorder.at(address, (int) size)));
          answer.accept(data);
          Recorder.put(address, data.toArray(ValueLayout.JAVA_BYTE));
        };
  }

  private void assertLast(Sev.Command command) {
    assertEquals(KvmIoctl.KVM_MEMORY_ENCRYPT_OP, recorder.last());
    assertEquals(command.number, ids.getLast());
  }

  @Test
  void commandsWithoutData() throws Exception {
    sev.init();
    assertLast(Sev.Command.KVM_SEV_INIT);
    sev.esInit();
    assertLast(Sev.Command.KVM_SEV_ES_INIT);
    sev.launchUpdateVmsa();
    assertLast(Sev.Command.KVM_SEV_LAUNCH_UPDATE_VMSA);
    sev.launchFinish();
    assertLast(Sev.Command.KVM_SEV_LAUNCH_FINISH);
    sev.sendFinish();
    assertLast(Sev.Command.KVM_SEV_SEND_FINISH);
    sev.sendCancel();
    assertLast(Sev.Command.KVM_SEV_SEND_CANCEL);
    sev.receiveFinish();
    assertLast(Sev.Command.KVM_SEV_RECEIVE_FINISH);
  }

  @Test
  void init2() throws Exception {
    kernel(kvm_sev_init.sizeof(), _ -> {});
    sev.init2(0x1_0000_0021L, 3, 2);
    assertLast(Sev.Command.KVM_SEV_INIT2);
    assertEquals(0x1_0000_0021L, kvm_sev_init.vmsa_features(data));
    assertEquals(3, kvm_sev_init.flags(data));
    assertEquals(2, kvm_sev_init.ghcb_version(data));
    assertThrows(IllegalArgumentException.class, () -> sev.init2(0, 0, 0x1_0000));
  }

  @Test
  void launching() throws Exception {
    kernel(
        kvm_sev_launch_start.sizeof(),
        s -> {
          assertArrayEquals(new byte[] {1, 2, 3}, Recorder.at(kvm_sev_launch_start.dh_uaddr(s), 3));
          kvm_sev_launch_start.handle(s, 77);
        });
    assertEquals(77, sev.launchStart(5, new byte[] {1, 2, 3}, new byte[0]));
    assertLast(Sev.Command.KVM_SEV_LAUNCH_START);
    assertEquals(5, kvm_sev_launch_start.policy(data));
    assertEquals(3, kvm_sev_launch_start.dh_len(data));
    assertEquals(0, kvm_sev_launch_start.session_uaddr(data));
    assertEquals(0, kvm_sev_launch_start.session_len(data));

    kernel(kvm_sev_launch_update_data.sizeof(), _ -> {});
    sev.launchUpdateData(0x7f00_0000_0000L, 0x1000);
    assertLast(Sev.Command.KVM_SEV_LAUNCH_UPDATE_DATA);
    assertEquals(0x7f00_0000_0000L, kvm_sev_launch_update_data.uaddr(data));
    assertEquals(0x1000, kvm_sev_launch_update_data.len(data));

    kernel(
        kvm_sev_launch_measure.sizeof(),
        s -> {
          Recorder.put(kvm_sev_launch_measure.uaddr(s), (byte) 9, (byte) 8);
          kvm_sev_launch_measure.len(s, 2);
        });
    assertArrayEquals(new byte[] {9, 8}, sev.launchMeasure(48));
    assertLast(Sev.Command.KVM_SEV_LAUNCH_MEASURE);
    kernel(kvm_sev_launch_measure.sizeof(), s -> kvm_sev_launch_measure.len(s, Integer.MAX_VALUE));
    assertEquals(48, sev.launchMeasure(48).length, "never more than there is");
    kernel(kvm_sev_launch_measure.sizeof(), s -> kvm_sev_launch_measure.len(s, -1));
    assertEquals(0, sev.launchMeasure(48).length);
    assertThrows(IllegalArgumentException.class, () -> sev.launchMeasure(0));

    kernel(
        kvm_sev_launch_secret.sizeof(),
        s -> {
          assertArrayEquals(new byte[] {1, 2}, Recorder.at(kvm_sev_launch_secret.hdr_uaddr(s), 2));
          assertArrayEquals(
              new byte[] {3, 4, 5}, Recorder.at(kvm_sev_launch_secret.trans_uaddr(s), 3));
        });
    sev.launchSecret(new byte[] {1, 2}, 0x5000, 16, new byte[] {3, 4, 5});
    assertLast(Sev.Command.KVM_SEV_LAUNCH_SECRET);
    assertPacket(2, 0x5000, 16, 3);
  }

  private void assertPacket(int header, long guest, int length, int packet) {
    assertEquals(header, kvm_sev_launch_secret.hdr_len(data));
    assertEquals(guest, kvm_sev_launch_secret.guest_uaddr(data));
    assertEquals(length, kvm_sev_launch_secret.guest_len(data));
    assertEquals(packet, kvm_sev_launch_secret.trans_len(data));
  }

  @Test
  void asking() throws Exception {
    kernel(
        kvm_sev_guest_status.sizeof(),
        s -> {
          kvm_sev_guest_status.handle(s, 1);
          kvm_sev_guest_status.policy(s, 2);
          kvm_sev_guest_status.state(s, 3);
        });
    assertEquals(new Sev.GuestStatus(1, 2, 3), sev.guestStatus());
    assertLast(Sev.Command.KVM_SEV_GUEST_STATUS);

    kernel(kvm_sev_dbg.sizeof(), _ -> {});
    sev.dbgDecrypt(0x1000, 0x2000, 32);
    assertLast(Sev.Command.KVM_SEV_DBG_DECRYPT);
    assertEquals(0x1000, kvm_sev_dbg.src_uaddr(data));
    assertEquals(0x2000, kvm_sev_dbg.dst_uaddr(data));
    assertEquals(32, kvm_sev_dbg.len(data));
    sev.dbgEncrypt(0x1000, 0x2000, 32);
    assertLast(Sev.Command.KVM_SEV_DBG_ENCRYPT);

    byte[] nonce = new byte[16];
    nonce[15] = 42;
    kernel(
        kvm_sev_attestation_report.sizeof(),
        s -> {
          Recorder.put(kvm_sev_attestation_report.uaddr(s), (byte) 6);
          kvm_sev_attestation_report.len(s, 1);
        });
    assertArrayEquals(new byte[] {6}, sev.attestationReport(nonce, 208));
    assertLast(Sev.Command.KVM_SEV_GET_ATTESTATION_REPORT);
    assertEquals(42, kvm_sev_attestation_report.mnonce(data, 15));
    assertEquals(
        "nonce: 15 bytes, must be 16",
        assertThrows(IllegalArgumentException.class, () -> sev.attestationReport(new byte[15], 208))
            .getMessage());
  }

  @Test
  void sending() throws Exception {
    kernel(
        kvm_sev_send_start.sizeof(),
        s -> {
          Recorder.put(kvm_sev_send_start.session_uaddr(s), (byte) 1, (byte) 2, (byte) 3);
          kvm_sev_send_start.session_len(s, 3);
        });
    assertArrayEquals(
        new byte[] {1, 2, 3},
        sev.sendStart(9, new byte[] {1}, new byte[] {1, 2}, new byte[] {1, 2, 3}, 100));
    assertLast(Sev.Command.KVM_SEV_SEND_START);
    assertEquals(9, kvm_sev_send_start.policy(data));
    assertEquals(1, kvm_sev_send_start.pdh_cert_len(data));
    assertEquals(2, kvm_sev_send_start.plat_certs_len(data));
    assertEquals(3, kvm_sev_send_start.amd_certs_len(data));

    kernel(kvm_sev_launch_secret.sizeof(), _ -> {});
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment header = arena.allocate(52);
      MemorySegment packet = arena.allocate(4096);
      sev.sendUpdateData(header, 0x9000, packet);
      assertLast(Sev.Command.KVM_SEV_SEND_UPDATE_DATA);
      assertPacket(52, 0x9000, 4096, 4096);
      assertEquals(header.address(), kvm_sev_launch_secret.hdr_uaddr(data));
      assertEquals(packet.address(), kvm_sev_launch_secret.trans_uaddr(data));
      assertThrows(
          IllegalArgumentException.class,
          () -> sev.sendUpdateData(MemorySegment.ofArray(new byte[52]), 0x9000, packet));
    }
  }

  @Test
  void receiving() throws Exception {
    kernel(kvm_sev_receive_start.sizeof(), s -> kvm_sev_receive_start.handle(s, 4));
    assertEquals(4, sev.receiveStart(3, new byte[] {1, 2}, new byte[] {1}));
    assertLast(Sev.Command.KVM_SEV_RECEIVE_START);
    assertEquals(3, kvm_sev_receive_start.policy(data));
    assertEquals(2, kvm_sev_receive_start.pdh_len(data));
    assertEquals(1, kvm_sev_receive_start.session_len(data));
    kernel(kvm_sev_launch_secret.sizeof(), _ -> {});
    sev.receiveUpdateData(new byte[52], 0x9000, new byte[64]);
    assertLast(Sev.Command.KVM_SEV_RECEIVE_UPDATE_DATA);
    assertPacket(52, 0x9000, 64, 64);
  }

  @Test
  void snp() throws Exception {
    byte[] gosvw = new byte[16];
    gosvw[1] = 7;
    kernel(kvm_sev_snp_launch_start.sizeof(), _ -> {});
    sev.snpLaunchStart(0x3_0000, gosvw, 0);
    assertLast(Sev.Command.KVM_SEV_SNP_LAUNCH_START);
    assertEquals(0x3_0000, kvm_sev_snp_launch_start.policy(data));
    assertEquals(7, kvm_sev_snp_launch_start.gosvw(data, 1));

    kernel(kvm_sev_snp_launch_finish.sizeof(), _ -> {});
    byte[] host = new byte[32];
    host[31] = 3;
    sev.snpLaunchFinish(new byte[0], new byte[0], false, true, host);
    assertLast(Sev.Command.KVM_SEV_SNP_LAUNCH_FINISH);
    assertEquals(0, kvm_sev_snp_launch_finish.id_block_en(data));
    assertEquals(1, kvm_sev_snp_launch_finish.vcek_disabled(data));
    assertEquals(3, kvm_sev_snp_launch_finish.host_data(data, 31));
    sev.snpLaunchFinish(new byte[96], new byte[4096], true, false, host);
    assertEquals(1, kvm_sev_snp_launch_finish.id_block_en(data));
    assertEquals(1, kvm_sev_snp_launch_finish.auth_key_en(data));
    assertThrows(
        IllegalArgumentException.class,
        () -> sev.snpLaunchFinish(new byte[96], new byte[0], true, false, host));
    assertThrows(
        IllegalArgumentException.class,
        () -> sev.snpLaunchFinish(new byte[0], new byte[0], true, false, new byte[31]));
  }

  @Test
  void snpPagesAreGivenUntilNoneIsLeft() throws Exception {
    // The kernel takes one page at a time.
    List<Long> starts = new ArrayList<>();
    kernel(
        kvm_sev_snp_launch_update.sizeof(),
        s -> {
          starts.add(kvm_sev_snp_launch_update.gfn_start(s));
          kvm_sev_snp_launch_update.gfn_start(s, kvm_sev_snp_launch_update.gfn_start(s) + 1);
          kvm_sev_snp_launch_update.uaddr(s, kvm_sev_snp_launch_update.uaddr(s) + 0x1000);
          kvm_sev_snp_launch_update.len(s, kvm_sev_snp_launch_update.len(s) - 0x1000);
        });
    sev.snpLaunchUpdate(0x100, 0x7000, 0x3000, Sev.KVM_SEV_SNP_PAGE_TYPE_NORMAL);
    assertLast(Sev.Command.KVM_SEV_SNP_LAUNCH_UPDATE);
    assertEquals(List.of(0x100L, 0x101L, 0x102L), starts);
    assertEquals(1, kvm_sev_snp_launch_update.type(data));
    kernel(kvm_sev_snp_launch_update.sizeof(), _ -> {});
    assertEquals(
        "KVM_MEMORY_ENCRYPT_OP(KVM_SEV_SNP_LAUNCH_UPDATE): EIO (no progress with 12288 bytes"
            + " left)",
        assertThrows(KvmException.class, () -> sev.snpLaunchUpdate(0x100, 0x7000, 0x3000, 1))
            .getMessage());
  }

  @Test
  void theFirmwaresErrorIsTold() {
    recorder.answer = cmd -> kvm_sev_cmd.error(cmd, 0x16);
    recorder.result = -Errno.EIO;
    assertEquals(
        "KVM_MEMORY_ENCRYPT_OP(KVM_SEV_LAUNCH_FINISH): EIO (the firmware answers error 0x16)",
        assertThrows(KvmException.class, sev::launchFinish).getMessage());
    recorder.answer = _ -> {};
    assertEquals(
        "KVM_MEMORY_ENCRYPT_OP(KVM_SEV_LAUNCH_FINISH): EIO (input/output error)",
        assertThrows(KvmException.class, sev::launchFinish).getMessage());
  }

  @Test
  void aSignalIsNoRefusal() throws Exception {
    int[] left = {3};
    IoctlCall interrupted =
        (ioctl, argument) -> left[0]-- > 0 ? -Errno.EINTR : recorder.call(ioctl, argument);
    new Sev(interrupted, firmware).launchFinish();
    assertEquals(1, recorder.ioctls.size());
  }
}

// SPDX-License-Identifier: Apache-2.0
package org.javavmm.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import org.javavmm.sys.Errno;
import org.javavmm.sys.OwnedFd;

/**
 * The commands of AMD's secure encrypted virtualization: {@code KVM_MEMORY_ENCRYPT_OP} with {@code
 * struct kvm_sev_cmd}. Got from {@link Vm#sev}. Thread-safe; KVM takes one command at a time.
 *
 * <p>All methods throw {@link KvmException}: {@code ENOTTY} where this KVM has no SEV, {@code
 * EINVAL} for a VM of another type, {@code EIO} with the firmware's own error in the message.
 * Addresses are host virtual addresses of guest memory that {@link Vm#registerEncryptedRegion}
 * pinned. Tested by what it marshals; not run on such hardware.
 */
public final class Sev {
  /** {@link #snpLaunchUpdate}: pages that are measured with their contents. */
  public static final int KVM_SEV_SNP_PAGE_TYPE_NORMAL = 1;

  /** {@link #snpLaunchUpdate}: pages of zeros. */
  public static final int KVM_SEV_SNP_PAGE_TYPE_ZERO = 3;

  /** {@link #snpLaunchUpdate}: pages whose contents are not measured. */
  public static final int KVM_SEV_SNP_PAGE_TYPE_UNMEASURED = 4;

  /** {@link #snpLaunchUpdate}: the page of secrets. */
  public static final int KVM_SEV_SNP_PAGE_TYPE_SECRETS = 5;

  /** {@link #snpLaunchUpdate}: the page of CPUID values. */
  public static final int KVM_SEV_SNP_PAGE_TYPE_CPUID = 6;

  /** The size of an id block in bytes. */
  public static final int KVM_SEV_SNP_ID_BLOCK_SIZE = 96;

  /** The size of an id block's authentication in bytes. */
  public static final int KVM_SEV_SNP_ID_AUTH_SIZE = 4096;

  /** The size of what {@link #snpLaunchFinish} takes of the host's own data, in bytes. */
  public static final int KVM_SEV_SNP_FINISH_DATA_SIZE = 32;

  private static final int NONCE = 16;
  private static final int MAX_BLOB = 1 << 20;

  private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
  private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT;
  private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG;

  /** Commands, {@code enum sev_cmd_id}. */
  enum Command {
    KVM_SEV_INIT(0),
    KVM_SEV_ES_INIT(1),
    KVM_SEV_LAUNCH_START(2),
    KVM_SEV_LAUNCH_UPDATE_DATA(3),
    KVM_SEV_LAUNCH_UPDATE_VMSA(4),
    KVM_SEV_LAUNCH_SECRET(5),
    KVM_SEV_LAUNCH_MEASURE(6),
    KVM_SEV_LAUNCH_FINISH(7),
    KVM_SEV_SEND_START(8),
    KVM_SEV_SEND_UPDATE_DATA(9),
    KVM_SEV_SEND_FINISH(11),
    KVM_SEV_RECEIVE_START(12),
    KVM_SEV_RECEIVE_UPDATE_DATA(13),
    KVM_SEV_RECEIVE_FINISH(15),
    KVM_SEV_GUEST_STATUS(16),
    KVM_SEV_DBG_DECRYPT(17),
    KVM_SEV_DBG_ENCRYPT(18),
    KVM_SEV_GET_ATTESTATION_REPORT(20),
    KVM_SEV_SEND_CANCEL(21),
    KVM_SEV_INIT2(22),
    KVM_SEV_SNP_LAUNCH_START(100),
    KVM_SEV_SNP_LAUNCH_UPDATE(101),
    KVM_SEV_SNP_LAUNCH_FINISH(102);

    final int number;

    Command(int number) {
      this.number = number;
    }
  }

  /**
   * What the firmware says of the guest.
   *
   * @param handle its number there
   * @param policy its policy
   * @param state 1 launching, 2 waiting for a secret, 3 running, 4 receiving, 5 sending
   */
  public record GuestStatus(int handle, int policy, int state) {}

  private final IoctlCall call;
  private final OwnedFd firmware;

  Sev(IoctlCall call, OwnedFd firmware) {
    this.call = call;
    this.firmware = firmware;
  }

  /**
   * Makes an ordinary VM one of SEV; {@link #init2} replaces it.
   *
   * @throws KvmException if refused
   */
  public void init() throws KvmException {
    run(Command.KVM_SEV_INIT, MemorySegment.NULL);
  }

  /**
   * Makes an ordinary VM one of SEV-ES; {@link #init2} replaces it.
   *
   * @throws KvmException if refused
   */
  public void esInit() throws KvmException {
    run(Command.KVM_SEV_ES_INIT, MemorySegment.NULL);
  }

  /**
   * Initializes a VM of type {@link VmType#SEV}, {@link VmType#SEV_ES} or {@link VmType#SNP}.
   *
   * @param vmsaFeatures features of the registers' save area; those there are {@link
   *     DeviceAttributes#KVM_X86_SEV_VMSA_FEATURES} tells
   * @param flags none is defined
   * @param ghcbVersion the greatest version of the guest's protocol, 0 for KVM's choice
   * @throws KvmException if refused
   */
  public void init2(long vmsaFeatures, int flags, int ghcbVersion) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevInitLayout.SIZEOF);
      s.set(U64, SevInitLayout.VMSA_FEATURES, vmsaFeatures);
      s.set(U32, SevInitLayout.FLAGS, flags);
      s.set(U16, SevInitLayout.GHCB_VERSION, Check.u16("ghcbVersion", ghcbVersion));
      run(Command.KVM_SEV_INIT2, s);
    }
  }

  /**
   * Begins the launch: makes the memory's key.
   *
   * @param policy the guest's policy
   * @param dhCert the guest owner's certificate; empty for none
   * @param session the owner's session data; empty for none
   * @return the guest's handle in the firmware
   * @throws KvmException if refused
   */
  public int launchStart(int policy, byte[] dhCert, byte[] session) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevLaunchStartLayout.SIZEOF);
      s.set(U32, SevLaunchStartLayout.POLICY, policy);
      blob(arena, s, SevLaunchStartLayout.DH_UADDR, SevLaunchStartLayout.DH_LEN, dhCert);
      blob(arena, s, SevLaunchStartLayout.SESSION_UADDR, SevLaunchStartLayout.SESSION_LEN, session);
      run(Command.KVM_SEV_LAUNCH_START, s);
      return s.get(U32, SevLaunchStartLayout.HANDLE);
    }
  }

  /**
   * Encrypts memory in place and measures it.
   *
   * @param hva where it is, a multiple of 16
   * @param length its size in bytes, a multiple of 16
   * @throws KvmException if refused
   */
  public void launchUpdateData(long hva, int length) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevLaunchUpdateDataLayout.SIZEOF);
      s.set(U64, SevLaunchUpdateDataLayout.UADDR, hva);
      s.set(U32, SevLaunchUpdateDataLayout.LEN, length);
      run(Command.KVM_SEV_LAUNCH_UPDATE_DATA, s);
    }
  }

  /**
   * Encrypts the registers of all vCPUs and measures them.
   *
   * @throws KvmException if refused
   */
  public void launchUpdateVmsa() throws KvmException {
    run(Command.KVM_SEV_LAUNCH_UPDATE_VMSA, MemorySegment.NULL);
  }

  /**
   * {@return the measurement, for the guest's owner}
   *
   * @param size the size of the buffer for it in bytes; 48 suffices
   * @throws IllegalArgumentException if {@code size} is not 1 to 1 MiB
   * @throws KvmException {@code EINVAL} if it is larger
   */
  public byte[] launchMeasure(int size) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = buffer(arena, size);
      MemorySegment s = Kvm.struct(arena, SevLaunchMeasureLayout.SIZEOF);
      s.set(U64, SevLaunchMeasureLayout.UADDR, buffer.address());
      s.set(U32, SevLaunchMeasureLayout.LEN, size);
      run(Command.KVM_SEV_LAUNCH_MEASURE, s);
      return filled(buffer, s.get(U32, SevLaunchMeasureLayout.LEN));
    }
  }

  /**
   * Puts a secret of the guest's owner into the guest's memory.
   *
   * @param header the owner's header
   * @param hva where it goes, a multiple of 16
   * @param length how long it is there
   * @param secret the encrypted secret
   * @throws KvmException if refused
   */
  public void launchSecret(byte[] header, long hva, int length, byte[] secret) throws KvmException {
    packet(Command.KVM_SEV_LAUNCH_SECRET, header, hva, length, secret);
  }

  /**
   * Ends the launch: the guest can run.
   *
   * @throws KvmException if refused
   */
  public void launchFinish() throws KvmException {
    run(Command.KVM_SEV_LAUNCH_FINISH, MemorySegment.NULL);
  }

  /**
   * {@return what the firmware says of the guest}
   *
   * @throws KvmException if refused
   */
  public GuestStatus guestStatus() throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevGuestStatusLayout.SIZEOF);
      run(Command.KVM_SEV_GUEST_STATUS, s);
      return new GuestStatus(
          s.get(U32, SevGuestStatusLayout.HANDLE),
          s.get(U32, SevGuestStatusLayout.POLICY),
          s.get(U32, SevGuestStatusLayout.STATE));
    }
  }

  /**
   * Decrypts guest memory, if the policy allows it.
   *
   * @param from where it is
   * @param to where the plain bytes go
   * @param length the number of bytes
   * @throws KvmException if refused
   */
  public void dbgDecrypt(long from, long to, int length) throws KvmException {
    debug(Command.KVM_SEV_DBG_DECRYPT, from, to, length);
  }

  /**
   * Encrypts into guest memory, if the policy allows it.
   *
   * @param from where the plain bytes are
   * @param to where they go
   * @param length the number of bytes
   * @throws KvmException if refused
   */
  public void dbgEncrypt(long from, long to, int length) throws KvmException {
    debug(Command.KVM_SEV_DBG_ENCRYPT, from, to, length);
  }

  private void debug(Command command, long from, long to, int length) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevDbgLayout.SIZEOF);
      s.set(U64, SevDbgLayout.SRC_UADDR, from);
      s.set(U64, SevDbgLayout.DST_UADDR, to);
      s.set(U32, SevDbgLayout.LEN, length);
      run(command, s);
    }
  }

  /**
   * {@return the firmware's signed report of the launch}
   *
   * @param nonce 16 bytes of the asker's choice
   * @param size the size of the buffer for it in bytes; 208 suffices
   * @throws IllegalArgumentException if {@code nonce} or {@code size} has a wrong size
   * @throws KvmException if refused
   */
  public byte[] attestationReport(byte[] nonce, int size) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = buffer(arena, size);
      MemorySegment s = Kvm.struct(arena, SevAttestationReportLayout.SIZEOF);
      exactly("nonce", nonce, NONCE);
      MemorySegment.copy(nonce, 0, s, U8, SevAttestationReportLayout.MNONCE, NONCE);
      s.set(U64, SevAttestationReportLayout.UADDR, buffer.address());
      s.set(U32, SevAttestationReportLayout.LEN, size);
      run(Command.KVM_SEV_GET_ATTESTATION_REPORT, s);
      return filled(buffer, s.get(U32, SevAttestationReportLayout.LEN));
    }
  }

  /**
   * Begins to send the guest to another host.
   *
   * @param policy the guest's policy
   * @param pdhCert the receiver's certificate
   * @param platformCerts those of its platform
   * @param amdCerts those of AMD
   * @param sessionSize the size of the buffer for the session data, in bytes
   * @return the session data, for the receiver
   * @throws IllegalArgumentException if {@code sessionSize} is not 1 to 1 MiB
   * @throws KvmException if refused
   */
  public byte[] sendStart(
      int policy, byte[] pdhCert, byte[] platformCerts, byte[] amdCerts, int sessionSize)
      throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = buffer(arena, sessionSize);
      MemorySegment s = Kvm.struct(arena, SevSendStartLayout.SIZEOF);
      s.set(U32, SevSendStartLayout.POLICY, policy);
      blob(arena, s, SevSendStartLayout.PDH_CERT_UADDR, SevSendStartLayout.PDH_CERT_LEN, pdhCert);
      blob(
          arena,
          s,
          SevSendStartLayout.PLAT_CERTS_UADDR,
          SevSendStartLayout.PLAT_CERTS_LEN,
          platformCerts);
      blob(
          arena, s, SevSendStartLayout.AMD_CERTS_UADDR, SevSendStartLayout.AMD_CERTS_LEN, amdCerts);
      s.set(U64, SevSendStartLayout.SESSION_UADDR, buffer.address());
      s.set(U32, SevSendStartLayout.SESSION_LEN, sessionSize);
      run(Command.KVM_SEV_SEND_START, s);
      return filled(buffer, s.get(U32, SevSendStartLayout.SESSION_LEN));
    }
  }

  /**
   * Encrypts guest memory for the receiver.
   *
   * @param header where the packet's header goes
   * @param hva where the memory is
   * @param packet where its contents go; as long as the memory that is sent
   * @throws IllegalArgumentException if a buffer is not native memory or longer than 1 MiB
   * @throws IllegalStateException if a buffer was freed
   * @throws KvmException if refused
   */
  public void sendUpdateData(MemorySegment header, long hva, MemorySegment packet)
      throws KvmException {
    int length = nativeSize("packet", packet);
    int headerSize = nativeSize("header", header);
    try {
      packet(
          Command.KVM_SEV_SEND_UPDATE_DATA,
          header.address(),
          headerSize,
          hva,
          length,
          packet.address(),
          length);
    } finally {
      Reference.reachabilityFence(header);
      Reference.reachabilityFence(packet);
    }
  }

  /**
   * Ends sending.
   *
   * @throws KvmException if refused
   */
  public void sendFinish() throws KvmException {
    run(Command.KVM_SEV_SEND_FINISH, MemorySegment.NULL);
  }

  /**
   * Gives sending up; the guest can run on here.
   *
   * @throws KvmException if refused
   */
  public void sendCancel() throws KvmException {
    run(Command.KVM_SEV_SEND_CANCEL, MemorySegment.NULL);
  }

  /**
   * Begins to receive a guest.
   *
   * @param policy the guest's policy
   * @param pdhCert the sender's certificate
   * @param session the session data of {@link #sendStart}
   * @return the guest's handle in the firmware
   * @throws KvmException if refused
   */
  public int receiveStart(int policy, byte[] pdhCert, byte[] session) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevReceiveStartLayout.SIZEOF);
      s.set(U32, SevReceiveStartLayout.POLICY, policy);
      blob(arena, s, SevReceiveStartLayout.PDH_UADDR, SevReceiveStartLayout.PDH_LEN, pdhCert);
      blob(
          arena,
          s,
          SevReceiveStartLayout.SESSION_UADDR,
          SevReceiveStartLayout.SESSION_LEN,
          session);
      run(Command.KVM_SEV_RECEIVE_START, s);
      return s.get(U32, SevReceiveStartLayout.HANDLE);
    }
  }

  /**
   * Puts received memory into the guest.
   *
   * @param header the packet's header
   * @param hva where the memory goes
   * @param packet its contents
   * @throws KvmException if refused
   */
  public void receiveUpdateData(byte[] header, long hva, byte[] packet) throws KvmException {
    packet(Command.KVM_SEV_RECEIVE_UPDATE_DATA, header, hva, packet.length, packet);
  }

  /**
   * Ends receiving: the guest can run.
   *
   * @throws KvmException if refused
   */
  public void receiveFinish() throws KvmException {
    run(Command.KVM_SEV_RECEIVE_FINISH, MemorySegment.NULL);
  }

  /**
   * Begins the launch of a guest of SEV-SNP.
   *
   * @param policy the guest's policy
   * @param gosvw 16 bytes: workarounds visible to the guest's operating system
   * @param flags none is defined
   * @throws IllegalArgumentException if {@code gosvw} has a wrong size or {@code flags} more than
   *     16 bits
   * @throws KvmException if refused
   */
  public void snpLaunchStart(long policy, byte[] gosvw, int flags) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevSnpLaunchStartLayout.SIZEOF);
      s.set(U64, SevSnpLaunchStartLayout.POLICY, policy);
      exactly("gosvw", gosvw, NONCE);
      MemorySegment.copy(gosvw, 0, s, U8, SevSnpLaunchStartLayout.GOSVW, NONCE);
      s.set(U16, SevSnpLaunchStartLayout.FLAGS, Check.u16("flags", flags));
      run(Command.KVM_SEV_SNP_LAUNCH_START, s);
    }
  }

  /**
   * Encrypts pages into private memory and measures them. Where KVM stops early, it is asked again
   * for the rest.
   *
   * @param gfn the first page's number
   * @param hva where the contents are, a multiple of the page size
   * @param length the size in bytes, a multiple of the page size
   * @param type {@code KVM_SEV_SNP_PAGE_TYPE_…}
   * @throws IllegalArgumentException if {@code type} is not a byte
   * @throws KvmException if refused; after that of a page of CPUID values the corrected values are
   *     at {@code hva}
   */
  public void snpLaunchUpdate(long gfn, long hva, long length, int type) throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevSnpLaunchUpdateLayout.SIZEOF);
      s.set(U64, SevSnpLaunchUpdateLayout.GFN_START, gfn);
      s.set(U64, SevSnpLaunchUpdateLayout.UADDR, hva);
      s.set(U64, SevSnpLaunchUpdateLayout.LEN, length);
      s.set(U8, SevSnpLaunchUpdateLayout.TYPE, (byte) Check.u8("type", type));
      long left = length;
      do {
        run(Command.KVM_SEV_SNP_LAUNCH_UPDATE, s);
        // KVM moved start, address and length on to what is left.
        long now = s.get(U64, SevSnpLaunchUpdateLayout.LEN);
        if (now != 0 && Long.compareUnsigned(now, left) >= 0) {
          throw new KvmException(
              "KVM_MEMORY_ENCRYPT_OP(KVM_SEV_SNP_LAUNCH_UPDATE)",
              Errno.EIO,
              "no progress with " + now + " bytes left");
        }
        left = now;
      } while (left != 0);
    }
  }

  /**
   * Ends the launch of a guest of SEV-SNP: the guest can run.
   *
   * @param idBlock the owner's id block, {@value #KVM_SEV_SNP_ID_BLOCK_SIZE} bytes; empty for none
   * @param idAuth its authentication, {@value #KVM_SEV_SNP_ID_AUTH_SIZE} bytes; empty for none
   * @param authorKey whether that has an author's key
   * @param vcekDisabled whether reports may not be signed by the processor's own key
   * @param hostData data of the host for reports, {@value #KVM_SEV_SNP_FINISH_DATA_SIZE} bytes
   * @throws IllegalArgumentException if one has a wrong size
   * @throws KvmException if refused
   */
  public void snpLaunchFinish(
      byte[] idBlock, byte[] idAuth, boolean authorKey, boolean vcekDisabled, byte[] hostData)
      throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevSnpLaunchFinishLayout.SIZEOF);
      if (idBlock.length > 0 || idAuth.length > 0) {
        exactly("idBlock", idBlock, KVM_SEV_SNP_ID_BLOCK_SIZE);
        exactly("idAuth", idAuth, KVM_SEV_SNP_ID_AUTH_SIZE);
        s.set(
            U64,
            SevSnpLaunchFinishLayout.ID_BLOCK_UADDR,
            arena.allocateFrom(U8, idBlock).address());
        s.set(
            U64, SevSnpLaunchFinishLayout.ID_AUTH_UADDR, arena.allocateFrom(U8, idAuth).address());
        s.set(U8, SevSnpLaunchFinishLayout.ID_BLOCK_EN, (byte) 1);
      }
      s.set(U8, SevSnpLaunchFinishLayout.AUTH_KEY_EN, (byte) (authorKey ? 1 : 0));
      s.set(U8, SevSnpLaunchFinishLayout.VCEK_DISABLED, (byte) (vcekDisabled ? 1 : 0));
      exactly("hostData", hostData, KVM_SEV_SNP_FINISH_DATA_SIZE);
      MemorySegment.copy(hostData, 0, s, U8, SevSnpLaunchFinishLayout.HOST_DATA, hostData.length);
      run(Command.KVM_SEV_SNP_LAUNCH_FINISH, s);
    }
  }

  private void packet(Command command, byte[] header, long hva, int length, byte[] packet)
      throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      packet(
          command,
          arena.allocateFrom(U8, header).address(),
          header.length,
          hva,
          length,
          arena.allocateFrom(U8, packet).address(),
          packet.length);
    }
  }

  /** The structures of launching with a secret, of sending and of receiving are the same. */
  private void packet(
      Command command, long header, int headerSize, long hva, int length, long packet, int size)
      throws KvmException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = Kvm.struct(arena, SevPacketLayout.SIZEOF);
      s.set(U64, SevPacketLayout.HDR_UADDR, header);
      s.set(U32, SevPacketLayout.HDR_LEN, headerSize);
      s.set(U64, SevPacketLayout.GUEST_UADDR, hva);
      s.set(U32, SevPacketLayout.GUEST_LEN, length);
      s.set(U64, SevPacketLayout.TRANS_UADDR, packet);
      s.set(U32, SevPacketLayout.TRANS_LEN, size);
      run(command, s);
    }
  }

  private static void blob(Arena arena, MemorySegment s, int address, int length, byte[] bytes) {
    if (bytes.length > 0) {
      s.set(U64, address, arena.allocateFrom(U8, bytes).address());
      s.set(U32, length, bytes.length);
    }
  }

  private static MemorySegment buffer(Arena arena, int size) {
    return arena.allocate(Check.check("size", size, 1, MAX_BLOB));
  }

  /** The firmware says how much it wrote: never more than there is. */
  private static byte[] filled(MemorySegment buffer, int length) {
    return buffer.asSlice(0, Math.clamp(length, 0, (int) buffer.byteSize())).toArray(U8);
  }

  private static int nativeSize(String field, MemorySegment segment) {
    Check.passable(field, segment);
    return Check.check(field, (int) Math.min(segment.byteSize(), Integer.MAX_VALUE), 0, MAX_BLOB);
  }

  private static void exactly(String field, byte[] bytes, int size) {
    if (bytes.length != size) {
      throw new IllegalArgumentException(field + ": " + bytes.length + " bytes, must be " + size);
    }
  }

  private void run(Command command, MemorySegment data) throws KvmException {
    int number = firmware.acquire();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cmd = Kvm.struct(arena, SevCmdLayout.SIZEOF);
      int result;
      do {
        cmd.set(U32, SevCmdLayout.ID, command.number);
        cmd.set(U64, SevCmdLayout.DATA, data.address());
        cmd.set(U32, SevCmdLayout.ERROR, 0);
        cmd.set(U32, SevCmdLayout.SEV_FD, number);
        result = call.call(KvmIoctl.KVM_MEMORY_ENCRYPT_OP, cmd);
      } while (result == -Errno.EINTR || result == -Errno.EAGAIN);
      int error = cmd.get(U32, SevCmdLayout.ERROR);
      Kvm.check(
          result,
          "KVM_MEMORY_ENCRYPT_OP(" + command + ")",
          error == 0 ? "" : "the firmware answers error " + Kvm.hex(error));
    } finally {
      firmware.release();
    }
  }
}
